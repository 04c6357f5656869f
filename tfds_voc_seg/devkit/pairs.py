"""Reads and checks the photo and the mask of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfds_voc_seg.devkit.folders import Pair, PairError
from tfds_voc_seg.devkit.mask_images import mask_values
from tfds_voc_seg.error_messages import message_of_library
from tfds_voc_seg.image_limits.header import ImageRefusedError, UnknownFormatError
from tfds_voc_seg.image_limits.limits import MASK_FORMATS, check_image
from tfds_voc_seg.image_limits.opening import open_image
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.mask_values import MaskError, class_map_of
from tfds_voc_seg.photo_headers import photo_header
from tfds_voc_seg.photos import decoded_photo
from tfds_voc_seg.storage import storage_path

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tfds_voc_seg.label_set import LabelSet


def read_pair(pair: Pair, labels: LabelSet) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Reads and checks a photo and its mask.

    Returns:
        photo uint8 [height, width, 3] and mask uint8 [height, width], positions in `labels.names` and `VOID`.

    Raises:
        PairError: the photo or the mask cannot be read or is invalid.
    """
    photo, mask = _read_photo(pair), read_mask(pair, labels)
    if photo.shape[:2] != mask.shape:
        what = f"is {_size(mask)} pixels but its photo is {_size(photo)}"
        raise PairError(pair, pair.mask, what, _size_advice(pair, photo, mask))
    if np.all(mask == VOID):
        raise PairError(pair, pair.mask, "contains only void pixels", "label it or remove the id from the list")
    return photo, mask


def _read_photo(pair: Pair) -> NDArray[np.uint8]:
    """Decodes a photo after checking its format and size."""
    try:
        content = storage_path(pair.photo).read_bytes()
        content = check_image(content).first_image(content)
        return decoded_photo(content)
    except UnknownFormatError as error:
        raise PairError(pair, pair.photo, f"cannot be decoded as a photo (it {error})", "restore the file") from error
    except ImageRefusedError as error:
        raise PairError(pair, pair.photo, error.what, error.advice) from error
    except PermissionError as error:
        what = f"cannot be read ({error.strerror})"
        raise PairError(pair, pair.photo, what, "allow access to it") from error
    except (OSError, tf.errors.InvalidArgumentError) as error:
        what = f"cannot be decoded as a photo ({message_of_library(error)})"
        raise PairError(pair, pair.photo, what, "restore the file") from error


def read_mask(pair: Pair, labels: LabelSet) -> NDArray[np.uint8]:
    """Reads the class map of a mask.

    Args:
        pair: the photo and its mask.
        labels: the classes, and how masks represent them.

    Returns:
        uint8 [height, width], positions in `labels.names` and `VOID`; for VOC these are VOC's class ids.

    Raises:
        PairError: the mask cannot be read, or contains a value or colour that belongs to no class.
    """
    try:
        with open_image(storage_path(pair.mask).read_bytes(), MASK_FORMATS) as image:
            values = mask_values(image)
    except UnknownFormatError as error:
        raise PairError(pair, pair.mask, f"cannot be read as a mask (it {error})", "restore the file") from error
    except (MaskError, ImageRefusedError) as error:
        raise PairError(pair, pair.mask, error.what, error.advice) from error
    except Exception as error:
        raise PairError(pair, pair.mask, f"cannot be read as a mask ({error})", "restore the file") from error
    try:
        return class_map_of(values, labels)
    except MaskError as error:
        raise PairError(pair, pair.mask, error.what, error.advice) from error


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


def _size(image: NDArray[np.uint8]) -> str:
    height, width = image.shape[:2]
    return f"{width}×{height}"
