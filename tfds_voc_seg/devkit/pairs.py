"""Reads and checks a pair of photo and mask."""

from __future__ import annotations

import io
import warnings

import numpy as np
import tensorflow as tf
from PIL import Image

from tfds_voc_seg.devkit.folders import Pair, PairError
from tfds_voc_seg.labels import VOC_CLASSES, VOID
from tfds_voc_seg.photos import MAX_PIXELS, decode_photo
from tfds_voc_seg.storage import storage_path

_CONVERT_ADVICE = (
    "masks are palette-mode (P) or grey (L) PNG of class ids: look each colour up in tfds_voc_seg.labels.voc_palette() "
    "and save the ids"
)


def read_pair(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Reads and checks a photo and its mask.

    Returns:
        photo uint8 [height, width, 3] and mask uint8 [height, width], VOC class ids and `VOID`.

    Raises:
        PairError: photo or mask can't be read or used.
    """
    photo, mask = _read_photo(pair), read_mask(pair)
    if photo.shape[:2] != mask.shape:
        what = f"is {_size(mask)} pixels but its photo is {_size(photo)}"
        raise PairError(pair, pair.mask, what, "a mask has its photo's size: restore the one that was resized")
    if np.all(mask == VOID):
        raise PairError(pair, pair.mask, "is all void", "label it or take the id off the list")
    return photo, mask


def _read_photo(pair: Pair) -> np.ndarray:
    """Decodes a photo, once its header says that it isn't larger than any photo would be."""
    try:
        _refuse_bomb(pair, pair.photo)
        return decode_photo(tf.constant(storage_path(pair.photo).read_bytes())).numpy()
    except (OSError, tf.errors.InvalidArgumentError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PairError(pair, pair.photo, f"can't be decoded as a photo ({reason})", "restore the file") from error


def read_mask(pair: Pair) -> np.ndarray:
    """Reads a mask by palette index, with PIL: TensorFlow's PNG decoder gives luminance (class 15 becomes 147).

    Returns:
        uint8 [height, width], VOC class ids and `VOID`.

    Raises:
        PairError: the mask can't be read or used.
    """
    try:
        _refuse_bomb(pair, pair.mask)
        with _open_image(pair.mask) as image:
            mode, mask = image.mode, np.asarray(image)
    except PairError:
        raise
    except Exception as error:
        raise PairError(pair, pair.mask, f"can't be read as a mask ({error})", "restore the file") from error
    if mode not in ("P", "L"):
        raise PairError(pair, pair.mask, f"is a mask in mode {mode}, not of class ids", _CONVERT_ADVICE)
    unknown = sorted(int(value) for value in np.unique(mask) if value >= len(VOC_CLASSES) and value != VOID)
    if unknown:
        values = ", ".join(map(str, unknown[:8])) + (", …" if len(unknown) > 8 else "")
        advice = f"a mask holds class ids 0 to {len(VOC_CLASSES) - 1} and {VOID} for void; map its values to these"
        raise PairError(pair, pair.mask, f"holds the values {values}", advice)
    return mask


def _open_image(file: str) -> Image.Image:
    """Opens an image by its name on this machine, which PIL's messages then hold; else from its bytes."""
    return Image.open(io.BytesIO(storage_path(file).read_bytes()) if "://" in file else file)


def _refuse_bomb(pair: Pair, file: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with _open_image(file) as image:
                width, height = image.size
        except Image.DecompressionBombError:
            width = height = MAX_PIXELS
    if width * height > MAX_PIXELS:
        what = f"unpacks to more than {MAX_PIXELS:,} pixels"
        raise PairError(pair, file, what, "if it is a true image, resize it before")


def _size(image: np.ndarray) -> str:
    height, width = image.shape[:2]
    return f"{width}×{height}"
