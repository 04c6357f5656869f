"""Turns scores of the network's size into a class map of the photo's size, without storing all scores of that size.

Needs numpy alone, so that all engines of `vocseg predict` share it. The class map equals
`argmax(tf.image.resize(scores, size))`, as in the evaluation, bit for bit. Most pixels need no interpolation: if all
four scores around a pixel have the same best class, ahead by more than rounding errors, the bilinearly interpolated
scores have that best class too. Only the pixels between classes are interpolated.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tfds_voc_seg.pixel_tables import PIXELS_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_UNSURE = 255
"""Marks places and pixels whose class is only known after interpolation."""

_ROUNDING = 2.0**-20
"""Upper bound of the interpolation's rounding error, relative to the largest score: sixteen units in the last place."""

_MAX_UNSURE_SHARE = 0.12  # share of unsure cells above which interpolating all pixels is faster
_MIN_ENLARGEMENT = 2  # pixels per place below which interpolating all pixels is faster
_MAX_SCORES = 1 << 26  # scores of the photo's size that may be in memory at once: 256 MB
_SCORES_AT_ONCE = 1 << 22  # scores of the photo's size that are passed on together, if all are wanted
_SCORES_PER_STEP = 1 << 17  # scores of the photo's size that are computed together: they fit into the processor's cache

# With fewer in a step, threads that work at the same time wait for each other between numpy's calls.
_SCORES_PER_SEARCH = 1 << 17  # scores among which the best classes are searched together
_SCORES_OF_PIXELS = 1 << 17  # scores of single pixels that are interpolated together


@dataclasses.dataclass(frozen=True)
class _Positions:
    """Positions of the pixels of one axis relative to the scores' places on that axis.

    Attributes:
        size: number of places.
        lower: index of the place before each pixel.
        upper: index of the place after each pixel.
        weight: distance of each pixel from the place before it, 0 to 1.
        cell: index of the cell between places that contains each pixel, see `_cell_classes`.
    """

    size: int
    lower: NDArray[np.intp]
    upper: NDArray[np.intp]
    weight: NDArray[np.float32]
    cell: NDArray[np.intp]

    @classmethod
    def of(cls, size: int, pixels: int) -> _Positions:
        """Computes the positions like TensorFlow's resize_bilinear_op.cc: float32, half-pixel centres."""
        scale = np.float32(size) / np.float32(pixels)
        place = (np.arange(pixels, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
        floor = np.floor(place)
        upper = np.minimum(np.ceil(place).astype(np.intp), size - 1)
        lower = np.minimum(np.maximum(floor.astype(np.intp), 0), upper)
        return cls(size, lower, upper, place - floor, floor.astype(np.intp) + 1)


def best_classes(scores: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Returns the best class at each place, or `_UNSURE` where another class is within the rounding error.

    Args:
        scores: float32 [rows, columns, classes].

    Returns:
        uint8 [rows, columns].
    """
    places = scores.reshape(-1, scores.shape[-1])
    largest = max(places.max(), -places.min())  # NaN if there is one: then all places are unsure
    class_ids = np.arange(places.shape[1], dtype=np.uint8)[:, np.newaxis]
    classes = np.empty(len(places), np.uint8)
    step = max(1, _SCORES_PER_SEARCH // places.shape[1])
    for start in range(0, len(places), step):
        part = slice(start, start + step)
        by_class = np.ascontiguousarray(places[part].T)  # reducing axis 0 is much faster than axis 1
        least = by_class.max(axis=0) - np.float32(_ROUNDING) * largest
        near = (by_class >= least).view(np.uint8)
        ids = (near * class_ids).sum(axis=0, dtype=np.uint8)  # the sum of the ids of the classes near the best
        classes[part] = np.where(near.sum(axis=0, dtype=np.uint8) == 1, ids, np.uint8(_UNSURE))
    return classes.reshape(scores.shape[:-1])


def resized_class_map(scores: NDArray[np.float32], height: int, width: int) -> NDArray[np.uint8]:
    """Resizes scores bilinearly and takes the best class of each pixel.

    Args:
        scores: float32 [rows, columns, classes], linear scores or probabilities; up to 254 classes.
        height: of the result, pixels.
        width: of the result, pixels.

    Returns:
        uint8 [height, width].
    """
    fits_in_memory = height * width * scores.shape[-1] <= _MAX_SCORES
    if fits_in_memory and height * width < _MIN_ENLARGEMENT * scores.shape[0] * scores.shape[1]:
        return _fully_interpolated(scores, height, width)
    cell_classes = _cell_classes(best_classes(scores))
    if fits_in_memory and (cell_classes == _UNSURE).mean() > _MAX_UNSURE_SHARE:
        return _fully_interpolated(scores, height, width)
    places = scores.reshape(-1, scores.shape[-1])
    rows, columns = _Positions.of(scores.shape[0], height), _Positions.of(scores.shape[1], width)
    classes = cell_classes.take(columns.cell, axis=1).take(rows.cell, axis=0)
    flat = classes.reshape(-1)
    step = max(1, _SCORES_OF_PIXELS // scores.shape[-1])
    for start in range(0, flat.size, PIXELS_AT_ONCE):  # the numbers of all pixels would take eight times the class map
        unsure = start + np.flatnonzero(flat[start : start + PIXELS_AT_ONCE] == _UNSURE)
        for pixels in np.array_split(unsure, -(-unsure.size // step) or 1):
            flat[pixels] = best_class(_interpolated_pixels(places, rows, columns, pixels))
    return classes


def resized_rows(scores: NDArray[np.float32], height: int, width: int) -> Iterator[NDArray[np.float32]]:
    """Resizes scores bilinearly like `tf.image.resize`, some rows at a time.

    Args:
        scores: float32 [rows, columns, classes].
        height: of the result, pixels.
        width: of the result, pixels.

    Yields:
        The next rows of the result, float32 [rows, width, classes].
    """
    yield from _resized_parts(scores, height, width, _SCORES_AT_ONCE)


def _resized_parts(scores: NDArray[np.float32], height: int, width: int, at_once: int) -> Iterator[NDArray[np.float32]]:
    """Resizes scores, about `at_once` at a time: first along the rows, then along the columns, as TensorFlow does."""
    rows, columns = _Positions.of(scores.shape[0], height), _Positions.of(scores.shape[1], width)
    step = max(1, at_once // (width * scores.shape[-1]))
    for top in range(0, height, step):
        lower, upper = rows.lower[top : top + step], rows.upper[top : top + step]
        places = scores[lower[0] : upper[-1] + 1]
        wide = _interpolated(
            places.take(columns.lower, axis=1), places.take(columns.upper, axis=1), columns.weight[:, np.newaxis]
        )
        above, below = wide.take(lower - lower[0], axis=0), wide.take(upper - lower[0], axis=0)
        yield _interpolated(above, below, rows.weight[top : top + step, np.newaxis, np.newaxis])


def _fully_interpolated(scores: NDArray[np.float32], height: int, width: int) -> NDArray[np.uint8]:
    parts = _resized_parts(scores, height, width, _SCORES_PER_STEP)
    return np.concatenate([best_class(part) for part in parts])


def _cell_classes(best: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the class of each cell between four places, or `_UNSURE`.

    Returns:
        uint8 [rows + 1, columns + 1]; beyond the edges the outermost places are repeated.
    """
    padded = np.pad(best, 1, mode="edge")
    corners = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    same = (corners[0] == corners[1]) & (corners[0] == corners[2]) & (corners[0] == corners[3])
    return np.where(same, corners[0], np.uint8(_UNSURE))


def _interpolated_pixels(
    places: NDArray[np.float32], rows: _Positions, columns: _Positions, pixels: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Interpolates single pixels, numbered row by row: float32 [places, classes] → [pixels, classes]."""
    row, column = np.divmod(pixels, len(columns.lower))
    left, right, weight = columns.lower[column], columns.upper[column], columns.weight[column, np.newaxis]
    top, bottom = (
        _interpolated(places.take(first + left, axis=0), places.take(first + right, axis=0), weight)
        for first in (edge[row] * columns.size for edge in (rows.lower, rows.upper))
    )
    return _interpolated(top, bottom, rows.weight[row, np.newaxis])


def _interpolated(
    first: NDArray[np.float32], second: NDArray[np.float32], weight: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Returns first + (second - first) × weight, in the order in which TensorFlow rounds; overwrites `second`."""
    second -= first
    second *= weight
    second += first
    return second


def best_class(scores: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Returns the class with the highest score, the first one of equal scores: [..., classes] → uint8 [...]."""
    classes: NDArray[np.intp] = scores.argmax(axis=-1)
    return classes.astype(np.uint8)
