"""Reads an image of any kind as RGB: upright, 8 bits, three channels."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image, ImageOps

from tfds_voc_seg.error_messages import message_of_library
from tfds_voc_seg.image_limits.header import ImageRefusedError
from tfds_voc_seg.image_limits.limits import (
    MAX_SIDE,
    PHOTO_FORMATS,
    PREDICTED_FORMATS,
    check_predicted_image,
    max_predicted_pixels,
)
from tfds_voc_seg.image_limits.opening import open_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Decode: TypeAlias = Callable[[bytes], NDArray[np.uint8]]
    """The bytes of a JPEG, PNG, GIF or BMP file → uint8 [height, width, 3], see `Engine.decode`."""

PhotoSource: TypeAlias = "NDArray[Any] | Image.Image | str | os.PathLike[str] | bytes"
"""A decoded image, or the path or the bytes of a file."""

_TRANSPARENT_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
_16_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")


class PhotoError(ValueError):
    """An image cannot be used; the message names the image and the reason.

    Attributes:
        reason: the message without the image's name.
    """

    def __init__(self, reason: str, name: str = "the image"):
        super().__init__(f"{name} {reason}")
        self.reason = reason


def read_photo(source: PhotoSource, decode: Decode, max_side: int = MAX_SIDE) -> NDArray[np.uint8]:
    """Reads an image as RGB.

    Applies the orientation in the EXIF data. Converts grey to three equal channels, keeps the upper 8 of 16 bits, and
    lays transparent images over white. An engine decodes JPEG, PNG, GIF and BMP files as they are decoded for the
    records and for requests to a SavedModel: PIL's JPEG decoder rounds differently, which changes half of the pixels.

    Args:
        source: an array uint8 or uint16, [height, width], [height, width, 1], [height, width, 3] (RGB) or
            [height, width, 4] (RGBA); a PIL image; the path or the bytes of a file in one of `PREDICTED_FORMATS`. Only
            the first frame or page is used.
        decode: the decoder of an engine.
        max_side: pixels that a side of a file's image may have.

    Returns:
        uint8 [height, width, 3].

    Raises:
        PhotoError: the source is not an image, is damaged, exceeds the limits of `check_image`, or has floating-point
            values.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _converted(source, "the image")
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _decoded(bytes(source), "the image", decode, max_side)
    if not isinstance(source, (str, os.PathLike)):
        raise PhotoError(f"must be an array, a PIL image, a path or bytes, not {type(source).__name__}")
    try:
        content = Path(source).read_bytes()
    except OSError as error:
        raise PhotoError(f"cannot be read: {error.strerror}", str(source)) from error
    return _decoded(content, str(source), decode, max_side)


def _from_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.ndim not in (2, 3) or array.size == 0 or (array.ndim == 3 and array.shape[-1] not in (1, 3, 4)):
        raise PhotoError(f"has the shape {list(array.shape)}: it must be [height, width] or [height, width, 1, 3 or 4]")
    if array.dtype not in (np.uint8, np.uint16):
        raise PhotoError(f"has the type {array.dtype}: its values must be uint8, 0 to 255, or uint16")
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.shape[-1] == 4:
        return _over_white(Image.fromarray(array, "RGBA"))
    return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))


def _decoded(content: bytes, name: str, decode: Decode, max_side: int) -> NDArray[np.uint8]:
    if not content:
        raise PhotoError("is empty", name)
    try:
        header = check_predicted_image(content, max_side)
        if header.format in PHOTO_FORMATS:
            return decode(header.first_image(content))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata that PIL cannot read
            with open_image(content, PREDICTED_FORMATS, max_predicted_pixels(content)) as image:
                return _converted(image, name)
    except PhotoError:
        raise
    except ImageRefusedError as error:
        raise PhotoError(str(error), name) from error
    except Exception as error:  # decoders raise many types for damaged files
        what = f"is damaged or truncated and cannot be decoded ({message_of_library(error)})"
        raise PhotoError(what, name) from error


def _converted(image: Image.Image, name: str) -> NDArray[np.uint8]:
    upright = ImageOps.exif_transpose(image)
    if upright.mode in _TRANSPARENT_MODES or "transparency" in upright.info:
        return _over_white(upright.convert("RGBA"))
    if upright.mode in _16_BIT_MODES:
        return _from_array(np.asarray(upright).clip(0, 65535).astype(np.uint16))
    if upright.mode == "F":
        raise PhotoError(
            "has floating-point values, whose range is not defined: convert it to 8 or 16 bits per channel", name
        )
    return np.array(upright.convert("RGB"))


def _over_white(image: Image.Image) -> NDArray[np.uint8]:
    white = Image.new("RGBA", image.size, "white")
    return np.array(Image.alpha_composite(white, image).convert("RGB"))
