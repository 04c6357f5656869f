"""Class maps and one-hot masks: pure functions on arrays."""

from __future__ import annotations

import functools

import numpy as np

from tfds_voc_seg.labels import VOC_CLASSES, VOID
from tfds_voc_seg.record_config import RecordConfig


@functools.lru_cache(maxsize=32)
def _channel_table(config: RecordConfig) -> np.ndarray:
    table = np.zeros(256, np.uint8)
    for channel, name in enumerate(config.classes, start=1):
        table[VOC_CLASSES.index(name)] = channel
    table[VOID] = VOID if config.void == "ignore" else 0
    return table


def class_map(mask: np.ndarray, config: RecordConfig) -> np.ndarray:
    """Maps VOC's class ids to the configured channels.

    Args:
        mask: uint8 [height, width], VOC class ids and `VOID`.
        config: the classes to keep and what becomes of void.

    Returns:
        uint8 [height, width], channel indices and, where void is kept, `VOID`.
    """
    return _channel_table(config)[mask]


def background_class_map(mask: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Tells what the background consists of.

    Args:
        mask: uint8 [height, width], VOC class ids and `VOID`.
        classes: uint8 [height, width], what `class_map` makes of it.

    Returns:
        uint8 [height, width]: VOC's class id where it is none of the classes to keep; elsewhere, void too, 0.
    """
    return np.where((mask != VOID) & (classes == 0), mask, np.uint8(0))


def resize_class_map(classes: np.ndarray, size: int) -> np.ndarray:
    """Resizes a class map by nearest neighbour at pixel centres, which invents no class.

    In whole numbers: libraries' own floating-point coordinates go astray where a centre falls between two pixels.

    Args:
        classes: uint8 [height, width].
        size: height and width of the result, pixels.

    Returns:
        uint8 [size, size].
    """
    rows, columns = ((2 * np.arange(size) + 1) * side // (2 * size) for side in classes.shape)
    return classes[np.ix_(rows, columns)]


def one_hot_mask(classes: np.ndarray, channels: int) -> np.ndarray:
    """Spreads a class map over channels; void becomes an all-zero row.

    Args:
        classes: uint8 [height, width], channel indices and `VOID`.
        channels: the number of channels.

    Returns:
        uint8 [height, width, channels] of zeros and ones.
    """
    return (classes[..., np.newaxis] == np.arange(channels, dtype=np.uint8)).view(np.uint8)


def holds_any_class(mask: np.ndarray, config: RecordConfig) -> bool:
    """Tells whether a mask, at its own size, holds any of the configured foreground classes.

    Args:
        mask: uint8 [height, width], VOC class ids and `VOID`.
        config: the classes to keep.
    """
    classes = class_map(mask, config)
    return bool(np.any((classes > 0) & (classes != VOID)))
