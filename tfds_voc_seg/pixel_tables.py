"""Tables that are indexed by the values of pixels. Large images are handled part by part.

numpy copies indices to 64 bits: for an image of 50 million pixels 400 MB at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Color = tuple[int, int, int]

PIXELS_AT_ONCE = 1 << 22


def looked_up(table: NDArray[Any], indices: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
    """Returns the entry of a table for each index, uint8 in the shape of the indices."""
    entries = np.empty(indices.size, np.uint8)
    for number, part in enumerate(parts_of(indices)):
        entries[number * PIXELS_AT_ONCE : number * PIXELS_AT_ONCE + len(part)] = table[part]
    return entries.reshape(indices.shape)


def parts_of(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yields the values of an array, one-dimensional, `PIXELS_AT_ONCE` at a time."""
    flat = array.ravel()
    return (flat[start : start + PIXELS_AT_ONCE] for start in range(0, flat.size, PIXELS_AT_ONCE))


def value_counts(values: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Counts how often each value occurs, int64 [256]."""
    counts = np.zeros(1 << 8, np.int64)
    for part in parts_of(values):
        counts += np.bincount(part, minlength=len(counts))
    return counts


def packed_colors(colors: NDArray[Any]) -> NDArray[np.uint32]:
    """Packs colours, uint8 [..., 3], into one number each: uint32 [...]."""
    red, green, blue = np.moveaxis(colors.astype(np.uint32), -1, 0)
    packed: NDArray[np.uint32] = (red << 16) | (green << 8) | blue
    return packed


def used_colors(colors: NDArray[np.unsignedinteger]) -> NDArray[np.intp]:
    """Returns the packed colours of an image, [..., 3], in ascending order; needs no sorting, unlike `np.unique`."""
    occurs = np.zeros(2**24, bool)
    flat = colors.reshape(-1, 3)
    for start in range(0, len(flat), PIXELS_AT_ONCE):
        occurs[packed_colors(flat[start : start + PIXELS_AT_ONCE])] = True
    return np.flatnonzero(occurs)


def unpacked_color(color: int) -> Color:
    """Returns red, green and blue of a packed colour."""
    return color >> 16, color >> 8 & 255, color & 255
