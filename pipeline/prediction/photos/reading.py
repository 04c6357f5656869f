"""Any image a person may have → RGB: turned upright, 8 bits, three channels."""

from __future__ import annotations

import io
import os
import re
import warnings
from pathlib import Path
from typing import TypeAlias

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps, UnidentifiedImageError

from tfds_voc_seg.photos import decode_photo

PhotoSource: TypeAlias = "np.ndarray | Image.Image | str | os.PathLike[str] | bytes"
"""A decoded image, or the path or the bytes of a file."""

_JPEG = b"\xff\xd8\xff"
"""What such a file begins with."""
_TENSORFLOWS_OWN = re.compile(r"\{\{.*?\}\}|\[Op:.*")
"""Parts of its messages that say where in a graph something happened."""

_TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I")


class PhotoError(ValueError):
    """An image that can't be used; the message says which and why.

    Attributes:
        what: the message without the image's name.
    """

    def __init__(self, what: str, name: str = "the image"):
        super().__init__(f"{name} {what}")
        self.what = what


def read_photo(source: PhotoSource) -> np.ndarray:
    """Gives an image as RGB.

    A rotation noted in EXIF is applied. Grey becomes three equal channels, of 16 bits the upper 8 stay, transparency
    is laid over white. A JPEG file is decoded by TensorFlow, as the records' photos are: PIL's decoder rounds
    otherwise, in half of the pixels.

    Args:
        source: an array uint8 or uint16, [height, width], [height, width, 1], [height, width, 3] (RGB) or
            [height, width, 4] (RGBA); an image of PIL; the path or the bytes of a file in a format that PIL reads, of
            several frames or pages the first.

    Returns:
        uint8 [height, width, 3].

    Raises:
        PhotoError: it is no image, damaged, too large, or of a kind that has no colours to show.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _converted(source, "the image")
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _decoded(bytes(source), "the image")
    if not isinstance(source, (str, os.PathLike)):
        raise PhotoError(f"must be an array, a PIL image, a path or bytes, not {type(source).__name__}")
    try:
        content = Path(source).read_bytes()
    except OSError as error:
        raise PhotoError(f"can't be read: {error.strerror}", str(source)) from error
    return _decoded(content, str(source))


def _from_array(array: np.ndarray) -> np.ndarray:
    if array.ndim not in (2, 3) or array.size == 0 or (array.ndim == 3 and array.shape[-1] not in (1, 3, 4)):
        raise PhotoError(f"has the shape {list(array.shape)}: it must be [height, width] or [height, width, 1, 3 or 4]")
    if array.dtype not in (np.uint8, np.uint16):
        raise PhotoError(f"is of {array.dtype}: its values must be uint8, 0 to 255, or uint16")
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.shape[-1] == 4:
        return _over_white(Image.fromarray(array, "RGBA"))
    return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))


def _decoded(content: bytes, name: str) -> np.ndarray:
    if not content:
        raise PhotoError("is empty", name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of bombs, and of metadata that PIL can't read
            with Image.open(io.BytesIO(content)) as image:
                if not content.startswith(_JPEG):
                    return _converted(image, name)
                pixels = Image.fromarray(decode_photo(tf.constant(content)).numpy())
                pixels.info = image.info
                return _converted(pixels, name)
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        raise PhotoError("is not an image of a format that can be read", name) from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"unpacks to too many pixels: make it smaller, or cut it up ({error})", name) from error
    except Exception as error:  # whatever a decoder raises on a damaged file
        reason = " ".join(_TENSORFLOWS_OWN.sub("", str(error)).split())[:200]
        raise PhotoError(f"is damaged or cut short: it can't be decoded ({reason})", name) from error


def _converted(image: Image.Image, name: str) -> np.ndarray:
    upright = ImageOps.exif_transpose(image)
    if upright.mode in _TRANSPARENT or "transparency" in upright.info:
        return _over_white(upright.convert("RGBA"))
    if upright.mode in _SIXTEEN_BITS:
        return _from_array(np.asarray(upright).clip(0, 65535).astype(np.uint16))
    if upright.mode == "F":
        raise PhotoError("holds floating-point values, which have no agreed range: convert it to 8 or 16 bits", name)
    return np.array(upright.convert("RGB"))


def _over_white(image: Image.Image) -> np.ndarray:
    white = Image.new("RGBA", image.size, "white")
    return np.array(Image.alpha_composite(white, image).convert("RGB"))
