"""Converts VOC masks to class maps and one-hot masks. All functions are pure: arrays in, arrays out."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from tfds_voc_seg.labels import VOC_CLASSES, VOID

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tfds_voc_seg.record_config import RecordConfig


@functools.lru_cache(maxsize=32)
def _channel_table(config: RecordConfig) -> NDArray[np.uint8]:
    """Returns the channel of each possible mask value: uint8 [256]."""
    table = np.zeros(256, np.uint8)
    for channel, name in enumerate(config.classes, start=1):
        table[VOC_CLASSES.index(name)] = channel
    table[VOID] = VOID if config.void == "ignore" else 0
    return table


def class_map(mask: NDArray[np.uint8], config: RecordConfig) -> NDArray[np.uint8]:
    """Maps VOC's class ids to the configured channels.

    Args:
        mask: uint8 [height, width], VOC class ids and `VOID`.
        config: the classes to keep and the treatment of void.

    Returns:
        uint8 [height, width], channel indices and, if the configuration keeps void, `VOID`.
    """
    classes: NDArray[np.uint8] = _channel_table(config)[mask]
    return classes


def background_class_map(mask: NDArray[np.uint8], classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns VOC's own class of each background pixel.

    Args:
        mask: uint8 [height, width], VOC class ids and `VOID`.
        classes: uint8 [height, width], the class map of this mask, from `class_map`.

    Returns:
        uint8 [height, width]: VOC's class id for pixels that the class map counts as background; 0 for all other
        pixels, void included.
    """
    return np.where((mask != VOID) & (classes == 0), mask, np.uint8(0))


def resize_class_map(classes: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resizes a class map to a square by nearest neighbour at pixel centres, which creates no new class.

    The coordinates are integers: floating-point coordinates, as in the usual libraries, are rounded inconsistently
    where a centre falls exactly between two pixels.

    Args:
        classes: uint8 [height, width].
        size: height and width of the result, pixels.

    Returns:
        uint8 [size, size].
    """
    rows, columns = ((2 * np.arange(size) + 1) * side // (2 * size) for side in classes.shape)
    resized: NDArray[np.uint8] = classes[np.ix_(rows, columns)]
    return resized


def one_hot_mask(classes: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Converts a class map to a one-hot mask; a void pixel becomes an all-zero row.

    Args:
        classes: uint8 [height, width], channel indices and `VOID`.
        channels: the number of channels.

    Returns:
        uint8 [height, width, channels] of zeros and ones.
    """
    one_hot: NDArray[np.uint8] = (classes[..., np.newaxis] == np.arange(channels, dtype=np.uint8)).view(np.uint8)
    return one_hot


def contains_any_class(mask: NDArray[np.uint8], config: RecordConfig) -> bool:
    """Returns whether a mask contains any of the configured foreground classes.

    Args:
        mask: uint8 [height, width], VOC class ids and `VOID`.
        config: the classes to keep.
    """
    classes = class_map(mask, config)
    return bool(np.any((classes > 0) & (classes != VOID)))
