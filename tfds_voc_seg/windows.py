"""Overlapping windows that cover an axis, and the weights that blend them, inside of a graph or eagerly.

Neighbouring windows overlap by a quarter of a window or more. Within the overlap the weight of a window falls linearly
towards its edge.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

_OVERLAP_DIVISOR = 4


def window_offsets(length: Any, side: int) -> tf.Tensor:
    """Returns where the windows begin: evenly spaced, the last one ends at the end of the axis.

    Args:
        length: length of the axis in pixels, an integer or int32 scalar, at least `side`.
        side: length of a window in pixels.

    Returns:
        int32 [windows].
    """
    room = tf.cast(length, tf.int32) - side
    step = max(1, side - math.ceil(side / _OVERLAP_DIVISOR))
    count = (room + step - 1) // step + 1
    spacing = tf.cast(room, tf.float64) / tf.cast(tf.maximum(1, count - 1), tf.float64)
    return tf.cast(tf.round(tf.range(count, dtype=tf.float64) * spacing), tf.int32)


def window_weights(length: Any, side: int, offsets: tf.Tensor) -> tf.Tensor:
    """Returns the weights of each window along an axis; at every pixel the weights add up to 1.

    Args:
        length: length of the axis in pixels.
        side: length of a window in pixels.
        offsets: int32 [windows], where the windows begin.

    Returns:
        float32 [windows, side].
    """
    distance = np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1))
    ramp = np.minimum(distance, math.ceil(side / _OVERLAP_DIVISOR)).astype(np.float64)
    pixels = _pixels(offsets, side)
    ramps = tf.broadcast_to(tf.constant(ramp), tf.shape(pixels))
    total = tf.math.unsorted_segment_sum(ramps, pixels, tf.cast(length, tf.int32))
    return tf.cast(ramps / tf.gather(total, pixels), tf.float32)


def blended(parts: tf.Tensor, length: Any, offsets: tf.Tensor) -> tf.Tensor:
    """Adds the parts of an axis, each times its weights.

    Args:
        parts: float32 [windows, side, ...], the values of each window along the axis.
        length: length of the axis in pixels.
        offsets: int32 [windows], where the windows begin.

    Returns:
        float32 [length, ...].
    """
    side = parts.shape[1]
    weights = window_weights(length, side, offsets)
    weighted = parts * tf.reshape(weights, [-1, side] + [1] * (len(parts.shape) - 2))
    return tf.math.unsorted_segment_sum(weighted, _pixels(offsets, side), tf.cast(length, tf.int32))


def _pixels(offsets: tf.Tensor, side: int) -> tf.Tensor:
    """Returns the positions of each window's pixels, int32 [windows, side]."""
    return offsets[:, tf.newaxis] + tf.range(side)
