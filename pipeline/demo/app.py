"""The web application: the page and the requests that it sends.

Images stay in memory. The body of a request is the image file itself: a web framework may store the parts of a form in
temporary files.
"""

from __future__ import annotations

import asyncio
import base64
import io
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipeline.demo.image_cost import image_cost
from pipeline.demo.limits import MEBIBYTE
from pipeline.demo.protection import Protection
from pipeline.demo.refusals import http_error, refusal
from pipeline.demo.uploads import Uploads
from pipeline.demo.workers import Workers
from tfds_voc_seg.image_size import size_text

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from pipeline.demo.limits import Limits
    from pipeline.demo.samples import SampleImage
    from pipeline.prediction.segmentation import Segmentation
    from pipeline.prediction.segmenter import Segmenter

LONGEST_SIDE = 1600
"""Longest side of the class map that the page receives, pixels: larger ones do not fit on a screen."""

_PAGE_FILES = {
    "/": ("index.html", "text/html"),
    "/demo.css": ("demo.css", "text/css"),
    "/demo.js": ("demo.js", "text/javascript"),
}


def make_app(
    models: Mapping[str, Segmenter],
    samples: list[SampleImage],
    *,
    limits: Limits,
    allowed_hosts: frozenset[str],
) -> Starlette:
    """Creates the web application.

    Args:
        models: title → model; one or two.
        samples: the sample pictures.
        limits: what clients may send and use.
        allowed_hosts: see `Protection`.
    """
    titles = list(models)
    uploads = Uploads(limits)
    workers, header_readers = Workers(limits, limits.waiting), Workers(limits, limits.uploads)

    async def post_image(request: Request) -> Response:
        index: int = request.path_params["model"]
        if index >= len(titles):
            raise HTTPException(404, "This model does not exist.")
        model = models[titles[index]]
        dimensions = model.geometry, len(model.class_names)
        try:
            async with uploads.receive(request) as content:
                # Without a cost, so that they are read in the order of their arrival: a hostile header takes a while.
                cost = await header_readers.run(0, lambda: image_cost(content, *dimensions))
                segment = workers.run(cost, lambda: _answer(model(content)))
                return JSONResponse(await _unless_disconnected(request, segment))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Exception as error:
            return refusal(error)

    async def get_facts(_: Request) -> Response:
        model_list = [
            {
                "title": title,
                "image_size": size_text(models[title].image_size),
                "background": models[title].channels.background,
                "classes": [
                    {"name": name, "colour": list(colour)}
                    for name, colour in zip(models[title].class_names, models[title].palette, strict=True)
                ],
            }
            for title in titles
        ]
        sample_list = [{"title": sample.title, "address": f"/samples/{i}.jpg"} for i, sample in enumerate(samples)]
        max_upload_mb = limits.upload_bytes / MEBIBYTE
        return JSONResponse({"models": model_list, "samples": sample_list, "max_upload_mb": max_upload_mb})

    async def get_sample(request: Request) -> Response:
        index: int = request.path_params["index"]
        if index >= len(samples):
            raise HTTPException(404, "This sample does not exist.")
        return Response(samples[index].jpeg, media_type="image/jpeg")

    return Starlette(
        routes=[
            *(Route(path, _page_file(*file)) for path, file in _PAGE_FILES.items()),
            Route("/facts.json", get_facts),
            Route("/samples/{index:int}.jpg", get_sample),
            Route("/segment/{model:int}", post_image, methods=["POST"]),
        ],
        middleware=[Middleware(Protection, allowed_hosts=allowed_hosts)],
        exception_handlers={HTTPException: http_error},
    )


def _page_file(name: str, media_type: str) -> Any:
    content = (resources.files("pipeline.demo") / "page" / name).read_bytes()

    async def send(_: Request) -> Response:
        return Response(content, media_type=media_type)

    return send


async def _unless_disconnected(request: Request, work: Coroutine[Any, Any, Any]) -> Any:
    """Waits for work; gives its place in the queue back if the client, which has sent everything, goes.

    Raises:
        ClientDisconnect: the client has gone.
    """
    result, gone = asyncio.ensure_future(work), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({result, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not result.done():
            raise ClientDisconnect
        return result.result()
    finally:
        result.cancel()
        gone.cancel()


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
