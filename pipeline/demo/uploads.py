"""Receives uploads within limits of memory and time that all clients share.

A client that sends slowly, or not at all, must not take the place of another: if there are too many uploads or bytes,
the oldest incomplete upload is ended. An ordinary client has sent its image long before it is the oldest.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from pipeline.demo.limits import MEBIBYTE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from pipeline.demo.limits import Limits


class UploadError(Exception):
    """An upload is refused; the message is shown on the page.

    Attributes:
        status: HTTP status of the answer.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class Upload:
    """An upload in memory.

    Attributes:
        content: what has arrived.
        complete: whether all of it has.
    """

    def __init__(self, deadline: asyncio.Timeout):
        self.content: bytes | bytearray = bytearray()
        self.complete = False
        self._deadline = deadline
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the upload was ended to make room; its memory is about to be freed."""
        return self._ended

    def end(self) -> None:
        """Ends the upload: its request is answered at once."""
        self._ended = True
        self._deadline.reschedule(asyncio.get_running_loop().time())

    def allow(self, seconds: float, latest: float) -> None:
        """Lets the next bytes take some seconds, but not beyond a time of the event loop's clock."""
        if not self._ended:
            self._deadline.reschedule(min(asyncio.get_running_loop().time() + seconds, latest))


class Uploads:
    """All uploads in memory, oldest first."""

    def __init__(self, limits: Limits):
        self._limits = limits
        self._held: list[Upload] = []

    @property
    def held_bytes(self) -> int:
        """The bytes of all uploads."""
        return sum(len(upload.content) for upload in self._held if not upload.ended)

    @contextlib.asynccontextmanager
    async def receive(self, request: Request) -> AsyncIterator[bytes]:
        """Receives the body of a request; its memory counts until the context ends.

        Raises:
            UploadError: the body is too large, too slow, or there is no room for it.
            ClientDisconnect: the client has gone.
        """
        limit = self._limits.upload_bytes
        too_large = UploadError(413, f"The file is larger than {limit / MEBIBYTE:g} MB, the limit of this page.")
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise too_large
        latest = asyncio.get_running_loop().time() + self._limits.body_seconds
        deadline = asyncio.timeout(self._limits.pause_seconds)
        upload = Upload(deadline)
        self._held.append(upload)
        try:
            try:
                async with deadline:
                    async for part in request.stream():
                        if len(upload.content) + len(part) > limit:
                            raise too_large
                        self._make_room(upload, len(part))
                        upload.content += part
                        upload.allow(self._limits.pause_seconds, latest)
                    upload.complete, upload.content = True, bytes(upload.content)
            except TimeoutError:
                raise _refusal(upload) from None
            yield bytes(upload.content)
        finally:
            self._held.remove(upload)

    def _make_room(self, upload: Upload, needed: int) -> None:
        """Ends the oldest incomplete uploads until a part of another one fits."""
        while True:
            held = [other for other in self._held if not other.ended]
            fits = self.held_bytes + needed <= self._limits.uploads_bytes
            if fits and len(held) <= self._limits.uploads:
                return
            incomplete = [other for other in held if not other.complete]
            if not incomplete or incomplete[0] is upload:
                raise _busy()
            incomplete[0].end()


def _busy() -> UploadError:
    return UploadError(503, "Too many images are being sent to this page: try again.")


def _refusal(upload: Upload) -> UploadError:
    return _busy() if upload.ended else UploadError(408, "The image did not arrive in time: send it again.")
