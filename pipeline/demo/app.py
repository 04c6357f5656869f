"""The page and what it asks for. Images stay in memory: a request's body is the file itself, never a form."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Mapping
from importlib import resources
from typing import Any

import numpy as np
from PIL import Image
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipeline.demo.protection import Protection
from pipeline.demo.samples import SampleImage
from pipeline.prediction.photos.reading import PhotoError, read_photo
from pipeline.prediction.segmentation import Segmentation
from pipeline.prediction.segmenter import Segmenter

LONGEST_SIDE = 1600
"""Of what the page gets back, pixels: more does not fit on a screen. The shares are of the whole image."""

_MEBIBYTE = 2**20
_PAGE_FILES = {
    "/": ("index.html", "text/html"),
    "/demo.css": ("demo.css", "text/css"),
    "/demo.js": ("demo.js", "text/javascript"),
}


class _RefusedError(Exception):
    """A request that is answered with a sentence."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status, self.message = status, message


def make_app(
    models: Mapping[str, Segmenter], samples: list[SampleImage], *, max_upload_mb: float, hosts: list[str]
) -> Starlette:
    """Makes the web application.

    Args:
        models: title → model, one or two.
        samples: pictures on offer.
        max_upload_mb: the largest image file that is taken, mebibytes.
        hosts: names by which the page may be asked for; `["*"]` for any.
    """
    titles = list(models)
    busy = threading.Lock()  # one image at a time: memory holds the scores of one

    def segment(index: int, content: bytes) -> dict[str, Any]:
        photo = read_photo(content)
        with busy:
            return _answer(models[titles[index]](photo))

    async def post_image(request: Request) -> Response:
        try:
            index = _model_index(request, len(titles))
            content = await _body(request, max_upload_mb)
            return JSONResponse(await run_in_threadpool(segment, index, content))
        except _RefusedError as refused:
            return JSONResponse({"error": refused.message}, refused.status)
        except PhotoError as error:
            return JSONResponse({"error": f"{str(error).capitalize()}."}, 415)
        except MemoryError:
            return JSONResponse({"error": "The image is too large for this machine's memory."}, 413)
        except ClientDisconnect:
            return Response(status_code=400)

    async def get_facts(_: Request) -> Response:
        described = [
            {
                "title": title,
                "image_size": models[title].image_size,
                "classes": [
                    {"name": name, "colour": list(colour)}
                    for name, colour in zip(models[title].class_names, models[title].palette, strict=True)
                ],
            }
            for title in titles
        ]
        offered = [{"title": sample.title, "address": f"/samples/{i}.jpg"} for i, sample in enumerate(samples)]
        return JSONResponse({"models": described, "samples": offered, "max_upload_mb": max_upload_mb})

    async def get_sample(request: Request) -> Response:
        index = request.path_params["index"]
        if index >= len(samples):
            return JSONResponse({"error": "There is no such sample."}, 404)
        return Response(samples[index].jpeg, media_type="image/jpeg")

    return Starlette(
        routes=[
            *(Route(path, _page_file(*file)) for path, file in _PAGE_FILES.items()),
            Route("/facts.json", get_facts),
            Route("/samples/{index:int}.jpg", get_sample),
            Route("/segment/{model:int}", post_image, methods=["POST"]),
        ],
        middleware=[Middleware(Protection, hosts=hosts)],
    )


def _page_file(name: str, media_type: str) -> Any:
    content = (resources.files("pipeline.demo") / "page" / name).read_bytes()

    async def send(_: Request) -> Response:
        return Response(content, media_type=media_type)

    return send


def _model_index(request: Request, models: int) -> int:
    index = request.path_params["model"]
    if index >= models:
        raise _RefusedError(404, "There is no such model.")
    return index


async def _body(request: Request, max_upload_mb: float) -> bytes:
    """Reads the body into memory, and stops at the limit."""
    limit = int(max_upload_mb * _MEBIBYTE)
    too_large = _RefusedError(413, f"The file is larger than {max_upload_mb:g} MB, which is what this page takes.")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise too_large
    received = bytearray()
    async for part in request.stream():
        received += part
        if len(received) > limit:
            raise too_large
    return bytes(received)


def _answer(segmentation: Segmentation) -> dict[str, Any]:
    """What the page draws: the class map as a grey PNG of class ids, and each class's share of the pixels."""
    picture = Image.fromarray(np.ascontiguousarray(segmentation.class_map))
    height, width = segmentation.class_map.shape
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.NEAREST)
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=3)
    return {
        "width": width,
        "height": height,
        "class_map": base64.b64encode(file.getvalue()).decode(),
        "shares": segmentation.pixel_shares,
    }
