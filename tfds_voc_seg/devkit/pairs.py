"""Reads and checks the photo and the mask of an image."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from PIL import Image

from tfds_voc_seg.devkit.folders import Pair, PairError
from tfds_voc_seg.labels import VOC_CLASSES, VOID
from tfds_voc_seg.photo_headers import photo_header
from tfds_voc_seg.photos import MAX_PIXELS, decode_photo, message_of_tensorflow
from tfds_voc_seg.storage import storage_path

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CONVERT_ADVICE = (
    "masks are palette-mode (P) or grey (L) PNG of class ids: look up each colour in tfds_voc_seg.labels.voc_palette() "
    "and save the ids"
)


def read_pair(pair: Pair) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Reads and checks a photo and its mask.

    Returns:
        photo uint8 [height, width, 3] and mask uint8 [height, width], VOC class ids and `VOID`.

    Raises:
        PairError: the photo or the mask cannot be read or is invalid.
    """
    photo, mask = _read_photo(pair), read_mask(pair)
    if photo.shape[:2] != mask.shape:
        what = f"is {_size(mask)} pixels but its photo is {_size(photo)}"
        raise PairError(pair, pair.mask, what, _size_advice(pair, photo, mask))
    if np.all(mask == VOID):
        raise PairError(pair, pair.mask, "contains only void pixels", "label it or remove the id from the list")
    return photo, mask


def _read_photo(pair: Pair) -> NDArray[np.uint8]:
    """Decodes a photo after checking its number of pixels."""
    try:
        _check_number_of_pixels(pair, pair.photo)
        photo: NDArray[np.uint8] = decode_photo(tf.constant(storage_path(pair.photo).read_bytes())).numpy()
    except PermissionError as error:
        what = f"cannot be read ({error.strerror})"
        raise PairError(pair, pair.photo, what, "allow access to it") from error
    except (OSError, tf.errors.InvalidArgumentError) as error:
        what = f"cannot be decoded as a photo ({message_of_tensorflow(error)})"
        raise PairError(pair, pair.photo, what, "restore the file") from error
    return photo


def read_mask(pair: Pair) -> NDArray[np.uint8]:
    """Reads the palette indices of a mask, with PIL: TensorFlow's PNG decoder returns luminance (147 for class 15).

    Returns:
        uint8 [height, width], VOC class ids and `VOID`.

    Raises:
        PairError: the mask cannot be read or is invalid.
    """
    try:
        _check_number_of_pixels(pair, pair.mask)
        with _open_image(pair.mask) as image:
            mode, mask = image.mode, np.asarray(image)
    except PairError:
        raise
    except Exception as error:
        raise PairError(pair, pair.mask, f"cannot be read as a mask ({error})", "restore the file") from error
    if mode not in ("P", "L"):
        raise PairError(pair, pair.mask, f"is a mask in mode {mode}, not P or L", _CONVERT_ADVICE)
    unknown = sorted(int(value) for value in np.unique(mask) if value >= len(VOC_CLASSES) and value != VOID)
    if unknown:
        values = ", ".join(map(str, unknown[:8])) + (", …" if len(unknown) > 8 else "")
        advice = f"a mask contains class ids 0 to {len(VOC_CLASSES) - 1}, and {VOID} for void; map its values to these"
        raise PairError(pair, pair.mask, f"contains the values {values}", advice)
    return mask


def _size_advice(pair: Pair, photo: NDArray[np.uint8], mask: NDArray[np.uint8]) -> str:
    """Returns how to make the sizes of a photo and its mask equal."""
    orientation, _ = photo_header(tf.constant(storage_path(pair.photo).read_bytes()))
    if orientation > 1 and photo.shape[1::-1] == mask.shape:
        return (
            f"the EXIF orientation {int(orientation)} turns the photo, and the mask fits it only unturned: turn the "
            "mask as well or, if the photo is upright as it is stored, remove its orientation "
            f"(exiftool -Orientation= {pair.photo})"
        )
    return "the two must have the same size: restore the one that was resized"


def _open_image(file: str) -> Image.Image:
    """Opens a local image by its path, so that PIL's error messages contain it, and any other image from its bytes."""
    return Image.open(io.BytesIO(storage_path(file).read_bytes()) if "://" in file else file)


def _check_number_of_pixels(pair: Pair, file: str) -> None:
    """Raises PairError if the header of an image says that it has more than `MAX_PIXELS`: a decompression bomb."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with _open_image(file) as image:
                width, height = image.size
        except Image.DecompressionBombError:
            width = height = MAX_PIXELS
    if width * height > MAX_PIXELS:
        what = f"has more than {MAX_PIXELS:,} pixels"
        raise PairError(pair, file, what, "if this is a valid image, make it smaller")


def _size(image: NDArray[np.uint8]) -> str:
    height, width = image.shape[:2]
    return f"{width}×{height}"
