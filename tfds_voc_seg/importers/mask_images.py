"""Reads the mask images of sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfds_voc_seg.devkit.mask_images import mask_values
from tfds_voc_seg.importers.files import check_no_link_out
from tfds_voc_seg.importers.photo_files import open_checked
from tfds_voc_seg.importers.source import ImageDropped
from tfds_voc_seg.mask_values import MaskError, MaskValues, class_map_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tfds_voc_seg.label_set import LabelSet


def read_mask_image(file: Path, source: Path) -> MaskValues:
    """Reads the values of a mask image in the folder `source`.

    Raises:
        ImageDropped: the image cannot be read, is of a kind that no mask has, or is a link out of the source.
    """
    check_no_link_out(file, [source])
    try:
        with open_checked(file) as image:
            return mask_values(image)
    except ImageDropped:
        raise
    except MaskError as error:
        raise ImageDropped("mask without a meaning", f"{file} {error}") from error
    except Exception as error:  # PIL's plugins raise different types for damaged images
        raise ImageDropped("image cannot be read", f"{file}: {error}") from error


def read_class_map(file: Path, source: Path, labels: LabelSet) -> NDArray[np.uint8]:
    """Reads a mask image in the folder `source` as a class map.

    Returns:
        uint8 [height, width], positions in the label set and `VOID`.

    Raises:
        ImageDropped: the mask cannot be read, or its values have no meaning in the label set.
    """
    try:
        return class_map_of(read_mask_image(file, source), labels)
    except MaskError as error:
        raise ImageDropped("mask without a meaning", f"{file} {error}") from error


def class_map_reader(file: Path, source: Path, labels: LabelSet) -> Callable[[tuple[int, int]], NDArray[np.uint8]]:
    """Returns a function that reads a mask image, for `SourceImage.make_mask`."""

    def read(_size: tuple[int, int]) -> NDArray[np.uint8]:
        return read_class_map(file, source, labels)

    return read
