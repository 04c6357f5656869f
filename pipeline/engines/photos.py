"""Decodes and resizes photos like `tfds_voc_seg.photos`, but without TensorFlow: with libjpeg-turbo, PIL and numpy.

JPEGs are decoded with the same library and settings as TensorFlow's, and give the same pixels. Resizing interpolates
alike and rounds differently in the last bit of its sums: about one value of 10,000 differs by 1 after it is rounded.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
import simplejpeg
from PIL import Image

from tfds_voc_seg.geometry import PADDING_COLOUR
from tfds_voc_seg.orientation import upright

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tfds_voc_seg.geometry import Geometry

_ORIENTATION_TAG = 0x0112
_FORMATS = ("JPEG", "PNG", "GIF", "BMP")
_JPEGS = ("JPEG", "MPO")  # MPO: a JPEG with further images behind it, as phones write them
_JPEG_COLOURS = ("Gray", "YCbCr", "RGB")
_PIXELS_AT_ONCE = 1 << 22  # of the photo: a channel of them is held as float32, or their colours as bytes
_TRANSPARENT_MODES = ("LA", "PA", "RGBA")
_16_BIT_MODES = ("I;16", "I;16B", "I")


class PhotosWithoutTensorflow:
    """The part of an engine that reads and resizes photos, for engines that do not use TensorFlow; see `Engine`."""

    def decode(self, content: bytes) -> NDArray[np.uint8]:
        """See `Engine.decode`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata that PIL cannot read
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                orientation = _orientation(image)  # here: EXIF data behind the pixels do not count
                pixels = _decoded_jpeg(content) if image.format in _JPEGS else None
                if pixels is None:
                    pixels = _decoded(image)
                return np.ascontiguousarray(upright(pixels, orientation))

    def resize(self, photo: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
        """See `Engine.resize`."""
        height, width = photo.shape[:2]
        rows, columns = size
        resized = np.empty((rows, columns, 3), np.uint8)
        step = max(1, _PIXELS_AT_ONCE * rows // (height * width))
        reach = max(1.0, height / rows)  # how far a row of the result looks beyond its place in the photo
        for top in range(0, rows, step):
            bottom = min(top + step, rows)
            begin, end = top * height / rows, bottom * height / rows
            first, last = max(0, int(begin - reach) - 1), min(height, int(end + reach) + 2)
            box = (0, begin - first, width, end - first)
            # PIL splits and converts the channels faster than numpy.
            for channel, band in enumerate(Image.fromarray(photo[first:last]).split()):
                values = band.convert("F").resize((columns, bottom - top), Image.Resampling.BILINEAR, box)
                resized[top:bottom, :, channel] = np.rint(np.asarray(values))
        return resized

    def fit(self, photo: NDArray[np.uint8], geometry: Geometry) -> NDArray[np.uint8]:
        """See `Engine.fit`."""
        rows, columns = size = geometry.resized(*photo.shape[:2])
        pixels = self.resize(photo, size)
        if geometry.padded(size) == size:
            return pixels
        top, left = geometry.offset(size)
        image = np.broadcast_to(np.array(PADDING_COLOUR, np.uint8), (*geometry.padded(size), 3)).copy()
        image[top : top + rows, left : left + columns] = pixels
        return image


def _decoded_jpeg(content: bytes) -> NDArray[np.uint8] | None:
    """Decodes a JPEG as TensorFlow does, with the fast integer transform; `None` for colours that only PIL converts."""
    if simplejpeg.decode_jpeg_header(content, strict=False)[2] not in _JPEG_COLOURS:
        return None
    settings = {"colorspace": "RGB", "fastdct": True, "fastupsample": False}
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(content, **settings)
    except ValueError as error:
        if "premature end" in str(error).lower():
            raise
        pixels = simplejpeg.decode_jpeg(content, strict=False, **settings)  # superfluous bytes, which TensorFlow skips
    return pixels


def _decoded(image: Image.Image) -> NDArray[np.uint8]:
    """Converts an image part by part: PIL would hold the pixels of a transparent one six times."""
    width, height = image.size
    ground = "black" if image.format == "GIF" else "white"  # transparent pixels of a GIF are black, as in TensorFlow
    pixels = np.empty((height, width, 3), np.uint8)
    step = max(1, _PIXELS_AT_ONCE // width)
    for top in range(0, height, step):
        part = image.crop((0, top, width, min(top + step, height)))
        pixels[top : top + step] = _as_rgb(part, ground)
    return pixels


def _as_rgb(image: Image.Image, ground: str) -> NDArray[np.uint8]:
    """Returns the pixels of an image, uint8 [height, width, 3], or [height, width, 1] if it has 16 bits."""
    if image.mode in _16_BIT_MODES:
        return (np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8)[..., np.newaxis]
    if image.mode in _TRANSPARENT_MODES or "transparency" in image.info:
        image = Image.alpha_composite(Image.new("RGBA", image.size, ground), image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


def _orientation(image: Image.Image) -> int:
    """Reads the EXIF orientation from the header; 1, upright, if it has none or an invalid one."""
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        orientation = exif.get(_ORIENTATION_TAG, 1)
    except Exception:  # damaged EXIF data: PIL raises many types
        return 1
    return orientation if orientation in range(1, 9) else 1
