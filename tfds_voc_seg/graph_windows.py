"""The windows of `windows.py` and their blending with TensorFlow, inside of a graph or eagerly."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfds_voc_seg.windows import window_count, window_ramp


def window_offsets(length: Any, side: int) -> tf.Tensor:
    """Returns where the windows begin, see `windows.window_offsets`.

    Args:
        length: length of the axis in pixels, an integer or int32 scalar, at least `side`.
        side: length of a window in pixels.

    Returns:
        int32 [windows].
    """
    room = tf.cast(length, tf.int32) - side
    count = window_count(room, side)
    spacing = tf.cast(room, tf.float64) / tf.cast(tf.maximum(1, count - 1), tf.float64)
    return tf.cast(tf.round(tf.range(count, dtype=tf.float64) * spacing), tf.int32)


def window_weights(length: Any, side: int, offsets: tf.Tensor) -> tf.Tensor:
    """Returns the weights of each window along an axis, see `windows.window_weights`.

    Args:
        length: length of the axis in pixels.
        side: length of a window in pixels.
        offsets: int32 [windows], where the windows begin.

    Returns:
        float32 [windows, side].
    """
    pixels = _pixels(offsets, side)
    ramps = tf.broadcast_to(tf.constant(window_ramp(side)), tf.shape(pixels))
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
