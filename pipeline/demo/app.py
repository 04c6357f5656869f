"""The web application: the page and the requests that it sends.

Images stay in memory. The body of a request is the image file itself: a web framework may store the parts of a form in
temporary files.
"""

from __future__ import annotations

import base64
import io
import threading
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipeline.demo.protection import Protection
from pipeline.prediction.photos.reading import PhotoError, read_photo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.demo.samples import SampleImage
    from pipeline.prediction.segmentation import Segmentation
    from pipeline.prediction.segmenter import Segmenter

LONGEST_SIDE = 1600
"""Longest side of the class map that the page receives, pixels: larger ones do not fit on a screen."""

_MEBIBYTE = 2**20
_PAGE_FILES = {
    "/": ("index.html", "text/html"),
    "/demo.css": ("demo.css", "text/css"),
    "/demo.js": ("demo.js", "text/javascript"),
}


class _RefusedError(Exception):
    """A request is invalid; the message is shown on the page.

    Attributes:
        status: HTTP status of the answer.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


def make_app(
    models: Mapping[str, Segmenter], samples: list[SampleImage], *, max_upload_mb: float, hosts: list[str]
) -> Starlette:
    """Creates the web application.

    Args:
        models: title → model; one or two.
        samples: the sample pictures.
        max_upload_mb: maximum size of an image file, mebibytes.
        hosts: accepted values of the `Host` header, without port; `["*"]` accepts all.
    """
    titles = list(models)
    busy = threading.Lock()  # one image at a time, so that memory holds the scores of one image

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
            return JSONResponse({"error": str(refused)}, refused.status)
        except PhotoError as error:
            return JSONResponse({"error": f"{str(error).capitalize()}."}, 415)
        except MemoryError:
            return JSONResponse({"error": "The image is too large for this machine's memory."}, 413)
        except ClientDisconnect:
            return Response(status_code=400)

    async def get_facts(_: Request) -> Response:
        model_list = [
            {
                "title": title,
                "image_size": models[title].image_size,
                "background": models[title].channels.background,
                "classes": [
                    {"name": name, "colour": list(colour)}
                    for name, colour in zip(models[title].class_names, models[title].palette, strict=True)
                ],
            }
            for title in titles
        ]
        sample_list = [{"title": sample.title, "address": f"/samples/{i}.jpg"} for i, sample in enumerate(samples)]
        return JSONResponse({"models": model_list, "samples": sample_list, "max_upload_mb": max_upload_mb})

    async def get_sample(request: Request) -> Response:
        index: int = request.path_params["index"]
        if index >= len(samples):
            return JSONResponse({"error": "This sample does not exist."}, 404)
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
    index: int = request.path_params["model"]
    if index >= models:
        raise _RefusedError(404, "This model does not exist.")
    return index


async def _body(request: Request, max_upload_mb: float) -> bytes:
    """Reads the body into memory; stops at the size limit."""
    limit = int(max_upload_mb * _MEBIBYTE)
    too_large = _RefusedError(413, f"The file is larger than {max_upload_mb:g} MB, the limit of this page.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    received = bytearray()
    async for part in request.stream():
        received += part
        if len(received) > limit:
            raise too_large
    return bytes(received)


def _answer(segmentation: Segmentation) -> dict[str, Any]:
    """Returns the answer to the page.

    The class map is a grey PNG of class ids, reduced to `LONGEST_SIDE`; `shares`, `width` and `height` are those of the
    whole image.
    """
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
