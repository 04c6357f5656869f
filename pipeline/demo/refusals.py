"""The answers to requests that fail: an HTTP status, and one sentence that the page shows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from pipeline.demo.uploads import UploadError
from pipeline.demo.workers import BusyError, TooExpensiveError
from pipeline.prediction.photos.reading import PhotoError

if TYPE_CHECKING:
    from starlette.requests import Request


_TOO_LARGE = "The image needs more memory than this page may use: reduce its size."


def refusal(error: Exception) -> JSONResponse:
    """Returns the answer to an image that cannot be segmented; an unexpected error is logged."""
    match error:
        case UploadError():
            return _answer(error.status, str(error))
        case PhotoError():
            message = str(error)
            return _answer(415, f"{message[:1].upper()}{message[1:]}.")
        case TooExpensiveError() | MemoryError():
            return _answer(413, _TOO_LARGE)
        case BusyError():
            return _answer(503, "The server is busy with other images: try again.")
    logging.error("An image was not segmented", exc_info=error)
    return _answer(500, "The server failed to process this image.")


async def http_error(_: Request, error: Exception) -> JSONResponse:
    """Returns the answer to a request for something that does not exist."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def _answer(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status)
