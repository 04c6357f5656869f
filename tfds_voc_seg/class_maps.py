"""Converts the class maps of masks to those of records, and to one-hot masks. All functions are pure."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from tfds_voc_seg.image_size import ImageSize, sides_of
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.pixel_tables import looked_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tfds_voc_seg.geometry import Geometry
    from tfds_voc_seg.record_config import RecordConfig


@functools.lru_cache(maxsize=32)
def _channel_table(config: RecordConfig) -> NDArray[np.uint8]:
    """Returns the channel of each possible value of a mask's class map: uint8 [256]."""
    names = config.class_names
    table = np.full(256, 0 if config.labels.background else VOID, np.uint8)
    for name, sources in config.selection:
        table[[config.labels.names.index(source) for source in sources]] = names.index(name)
    table[VOID] = VOID if config.void == "ignore" else 0
    return table


def class_map(mask: NDArray[np.uint8], config: RecordConfig) -> NDArray[np.uint8]:
    """Maps the classes of the label set to the configured channels.

    Args:
        mask: uint8 [height, width], positions in `config.labels.names` and `VOID`.
        config: the classes to keep and the treatment of void.

    Returns:
        uint8 [height, width], channel indices and, if the configuration keeps void or the label set has no background,
        `VOID`.
    """
    return looked_up(_channel_table(config), mask)


def background_class_map(
    mask: NDArray[np.uint8], classes: NDArray[np.uint8], config: RecordConfig
) -> NDArray[np.uint8]:
    """Returns the label set's own class of each background pixel.

    Args:
        mask: uint8 [height, width], positions in the label set's names and `VOID`.
        classes: uint8 [height, width], the class map of this mask, from `class_map`; background is 0.
        config: its label set has a background.

    Returns:
        uint8 [height, width]: the position in the label set's names, for pixels that the class map counts as
        background; the position of the background itself for all other pixels, void included.
    """
    return np.where((mask != VOID) & (classes == 0), mask, np.uint8(background_position(config)))


def background_position(config: RecordConfig) -> int:
    """Returns the position of the background in the label set's names; the label set has one."""
    assert config.labels.background is not None
    return config.labels.names.index(config.labels.background)


def resize_class_map(classes: NDArray[np.uint8], size: ImageSize) -> NDArray[np.uint8]:
    """Resizes a class map by nearest neighbour at pixel centres, which creates no new class.

    The coordinates are integers: floating-point coordinates, as in the usual libraries, are rounded inconsistently
    where a centre falls exactly between two pixels.

    Args:
        classes: uint8 [height, width].
        size: the side of a square, or height and width of the result, pixels.

    Returns:
        uint8 [height, width] of the result.
    """
    wanted = sides_of(size)
    rows, columns = ((2 * np.arange(n) + 1) * side // (2 * n) for n, side in zip(wanted, classes.shape, strict=True))
    resized: NDArray[np.uint8] = classes[np.ix_(rows, columns)]
    return resized


def pad_class_map(classes: NDArray[np.uint8], geometry: Geometry, value: int) -> NDArray[np.uint8]:
    """Pads the class map of a resized photo to the size of the image that the photo lies in.

    Args:
        classes: uint8 [height, width], of the size that `geometry.resized` returns.
        geometry: where the photo lies.
        value: the value of the added pixels.

    Returns:
        uint8 of the size that `geometry.padded` returns.
    """
    before, padded = geometry.offset(classes.shape), geometry.padded(classes.shape)
    after = [side - start - length for side, start, length in zip(padded, before, classes.shape, strict=True)]
    return np.pad(classes, list(zip(before, after, strict=True)), constant_values=value)


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
        mask: uint8 [height, width], positions in `config.labels.names` and `VOID`.
        config: the classes to keep.
    """
    classes = class_map(mask, config)
    first_foreground = 0 if config.labels.background is None else 1
    return bool(np.any((classes >= first_foreground) & (classes != VOID)))
