"""Scores at the network's size → a class map at the photo's own size, exactly and without holding all scores there.

The class map is that of `argmax(tf.image.resize(scores, size))`, as the evaluation computes it, to the bit. Most
pixels need no interpolation for it: where all four scores around a pixel have the same best class, ahead by more than
rounding, bilinear interpolation has it too. Only the pixels between classes are interpolated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

_UNSURE = 255
"""Marks pixels that have to be interpolated."""

_ROUNDING = 2.0**-20
"""Sixteen units in the last place of the largest score: interpolation errs by fewer."""

_MANY = 0.12  # of the cells unsure: then it is quicker to interpolate all pixels
_ENLARGEMENT = 2  # pixels to a place: with fewer it is, too
_LARGEST = 1 << 26  # scores at the photo's own size, 256 MB: more are never held at once
_PIXELS_AT_ONCE = 1 << 13  # so that their scores stay in the processor's cache


@dataclasses.dataclass(frozen=True)
class _Positions:
    """Where the pixels of one axis lie between the scores: the two next to each, and how far it is from the first."""

    size: int
    lower: np.ndarray
    upper: np.ndarray
    weight: np.ndarray
    cell: np.ndarray

    @classmethod
    def of(cls, size: int, pixels: int) -> _Positions:
        """Follows TensorFlow's resize_bilinear_op.cc in float32, with half-pixel centres."""
        scale = np.float32(size) / np.float32(pixels)
        place = (np.arange(pixels, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
        floor = np.floor(place)
        upper = np.minimum(np.ceil(place).astype(np.intp), size - 1)
        lower = np.minimum(np.maximum(floor.astype(np.intp), 0), upper)
        return cls(size, lower, upper, place - floor, floor.astype(np.intp) + 1)


@tf.function(input_signature=[tf.TensorSpec([None, None, None, None], tf.float32)])
def best_classes(scores: tf.Tensor) -> tf.Tensor:
    """The best class at each score's place, `_UNSURE` where another comes as near as rounding.

    Args:
        scores: float32 [batch, rows, columns, classes].

    Returns:
        uint8 [batch, rows, columns].
    """
    by_class = tf.transpose(tf.reshape(scores, [-1, tf.shape(scores)[-1]]))  # along places it's quicker than across
    best = tf.reduce_max(by_class, axis=0)
    largest = tf.maximum(tf.reduce_max(best), -tf.reduce_min(by_class))
    near = tf.cast(by_class >= best - _ROUNDING * largest, tf.float32)
    # 256 for each that is near, and the sum of their ids: 256 and the id itself where it is one.
    marks = tf.linalg.matvec(near, 256 + tf.range(tf.cast(tf.shape(scores)[-1], tf.float32)), transpose_a=True)
    classes = tf.where((marks >= 256) & (marks < 512), marks - 256, _UNSURE)
    return tf.cast(tf.reshape(classes, tf.shape(scores)[:-1]), tf.uint8)


@tf.function(input_signature=[tf.TensorSpec([None, None, None], tf.float32), tf.TensorSpec([2], tf.int32)])
def _interpolated_class_map(scores: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.argmax(tf.image.resize(scores, size), axis=-1), tf.uint8)


def as_array(tensor: Any) -> np.ndarray:
    """A tensor's values where they lie; its own `numpy()` would copy them."""
    return np.asarray(memoryview(tensor))


def resized_class_map(
    scores: tf.Tensor | np.ndarray, height: int, width: int, best: np.ndarray | None = None
) -> np.ndarray:
    """Resizes scores bilinearly, then takes the best class.

    Args:
        scores: float32 [rows, columns, classes], linear scores or probabilities; up to 254 classes.
        height: of the result, pixels.
        width: of the result, pixels.
        best: what `best_classes` gives of these scores, where it is known.

    Returns:
        uint8 [height, width].
    """
    small = height * width * scores.shape[-1] <= _LARGEST
    if small and not worth_looking_for_sure_pixels(scores.shape[:2], height, width):
        return _interpolated_class_map(scores, tf.constant((height, width))).numpy()
    if best is None:
        best = best_classes(scores[np.newaxis]).numpy()[0]
    cells = _cells(best)
    if small and (cells == _UNSURE).mean() > _MANY:
        return _interpolated_class_map(scores, tf.constant((height, width))).numpy()
    places = as_array(scores).reshape(-1, scores.shape[-1])
    rows, columns = _Positions.of(scores.shape[0], height), _Positions.of(scores.shape[1], width)
    classes = cells.take(columns.cell, axis=1).take(rows.cell, axis=0)
    unsure = np.flatnonzero(classes == _UNSURE)
    for pixels in np.array_split(unsure, -(-unsure.size // _PIXELS_AT_ONCE) or 1):
        classes.reshape(-1)[pixels] = best_class(_picked(places, rows, columns, pixels))
    return classes


def worth_looking_for_sure_pixels(shape: Sequence[int], height: int, width: int) -> bool:
    """Whether there are so many more pixels than places that looking for the best classes first saves time."""
    return height * width >= _ENLARGEMENT * shape[0] * shape[1]


def _cells(best: np.ndarray) -> np.ndarray:
    """The class of each cell between four places, [rows + 1, columns + 1]: beyond the edges the places repeat."""
    padded = np.pad(best, 1, mode="edge")
    corners = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    same = (corners[0] == corners[1]) & (corners[0] == corners[2]) & (corners[0] == corners[3])
    return np.where(same, corners[0], np.uint8(_UNSURE))


def _picked(places: np.ndarray, rows: _Positions, columns: _Positions, pixels: np.ndarray) -> np.ndarray:
    """Interpolates single pixels, numbered row by row: float32 [places, classes] → [pixels, classes]."""
    row, column = np.divmod(pixels, len(columns.lower))
    left, right, across = columns.lower[column], columns.upper[column], columns.weight[column, np.newaxis]
    top, bottom = (
        _between(places.take(first + left, axis=0), places.take(first + right, axis=0), across)
        for first in (edge[row] * columns.size for edge in (rows.lower, rows.upper))
    )
    return _between(top, bottom, rows.weight[row, np.newaxis])


def _between(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """First + (second - first) × weight, in this order, as TensorFlow rounds; overwrites `second`."""
    second -= first
    second *= weight
    second += first
    return second


def best_class(scores: np.ndarray) -> np.ndarray:
    """The class with the highest score, the first of equals: float32 [..., classes] → uint8 [...]."""
    return tf.argmax(scores, axis=-1, output_type=tf.int32).numpy().astype(np.uint8)
