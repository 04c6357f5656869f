"""Reads bytes of a file with TensorFlow's operations, for what a SavedModel does without Python."""

from __future__ import annotations

import tensorflow as tf


def starts_with(encoded: tf.Tensor, prefix: bytes) -> tf.Tensor:
    """Returns whether a file begins with these bytes, bool scalar."""
    return tf.equal(text_at(encoded, tf.constant(0), len(prefix)), prefix)


def text_at(encoded: tf.Tensor, position: tf.Tensor, length: int | tf.Tensor) -> tf.Tensor:
    """Returns bytes of a file as a string, fewer if the file ends before."""
    inside = tf.clip_by_value(position, 0, tf.strings.length(encoded))
    return tf.strings.substr(encoded, inside, tf.maximum(length, 0))


def bytes_at(encoded: tf.Tensor, position: tf.Tensor, length: int) -> tf.Tensor:
    """Returns bytes of a file, int32 [length]; zeros beyond its end."""
    return tf.cast(tf.io.decode_raw(text_at(encoded, position, length), tf.uint8, fixed_length=length), tf.int32)


def big_endian(digits: tf.Tensor) -> tf.Tensor:
    """Returns the whole number of big-endian bytes, int32; a number of 2³¹ or more becomes negative."""
    number = tf.constant(0)
    for digit in tf.unstack(digits):
        number = 256 * number + digit
    return number


def little_endian(digits: tf.Tensor) -> tf.Tensor:
    """Returns the whole number of little-endian bytes, int32; a number of 2³¹ or more becomes negative."""
    return big_endian(digits[::-1])


def occurrences(encoded: tf.Tensor, part: bytes, most: int) -> tf.Tensor:
    """Counts how often a file contains some bytes, int32, up to `most`."""
    return tf.size(tf.strings.split(encoded[tf.newaxis], part, maxsplit=most).flat_values) - 1
