"""Inflates zlib streams of a known size in a TensorFlow graph, without inflating a bomb as a whole."""

from __future__ import annotations

import tensorflow as tf

from tfds_voc_seg.tracing import traced_once

_SURPLUS = 1 << 27
"""Bytes that a stream may inflate to beyond its size before this is noticed."""

_INFLATED_AT_ONCE = 500 << 20
"""Bytes that `inflates_beyond` holds at most; larger steps are fewer, and each begins at the start of the stream."""

_LARGEST_RATIO = 1032  # of deflate; Gailly and Adler, "zlib Technical Details"
_LARGEST_SIZE = 2**31 - 1  # of a string


@traced_once
def inflated(compressed: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Inflates a stream.

    TensorFlow's operation inflates to whatever a stream holds. It also inflates the beginning of a stream: so each step
    takes as much more of the stream as cannot exceed the limit, whatever it holds. Usual masks take one step.

    Args:
        compressed: string scalar, a zlib stream.
        size: int64 scalar, the bytes that it must inflate to.

    Returns:
        string scalar of `size` bytes.

    Raises:
        tf.errors.InvalidArgumentError: at run time: the stream has another size.
    """
    length = tf.strings.length(compressed, unit="BYTE")

    def next_length(known: tf.Tensor) -> tf.Tensor:
        more = (size + _SURPLUS - known) // _LARGEST_RATIO
        return tf.cast(tf.clip_by_value(more, 0, _LARGEST_SIZE), tf.int32)

    def inflate(taken: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        taken = tf.minimum(taken, length)
        content = tf.io.decode_compressed(tf.strings.substr(compressed, 0, taken), "ZLIB")
        known = tf.strings.length(content, unit="BYTE")
        # A stream that is too large or complete ends the loop.
        done = (tf.cast(known, tf.int64) > size) | (taken >= length)
        return tf.where(done, -1, taken + next_length(tf.cast(known, tf.int64))), content

    first = next_length(tf.constant(0, tf.int64))
    content = tf.cond(
        length <= first,
        lambda: tf.io.decode_compressed(compressed, "ZLIB"),
        lambda: tf.while_loop(lambda taken, _: taken >= 0, inflate, (first, tf.constant(b"")))[1],
    )

    def refused() -> tf.Tensor:
        message = tf.strings.join(["the mask of a record does not unpack to ", tf.strings.as_string(size), " bytes"])
        with tf.control_dependencies([tf.debugging.Assert(tf.constant(False), [message])]):
            return tf.identity(content)

    fits = tf.equal(tf.cast(tf.strings.length(content, unit="BYTE"), tf.int64), size)
    return tf.cond(fits, lambda: tf.identity(content), refused)


def inflates_beyond(compressed: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns whether a stream, or the beginning of one, inflates to more bytes than `size`, without inflating a bomb.

    Args:
        compressed: string scalar, a zlib stream or its beginning.
        size: int64 scalar, less than 500 MiB.

    Raises:
        tf.errors.InvalidArgumentError: at run time: the stream is damaged.
    """
    length = tf.strings.length(compressed, unit="BYTE")

    def inflate(taken: tf.Tensor, known: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        more = tf.maximum(_INFLATED_AT_ONCE - known, 0) // _LARGEST_RATIO
        taken = tf.minimum(taken + 1 + tf.cast(more, tf.int32), length)
        content = tf.io.decode_compressed(tf.strings.substr(compressed, 0, taken), "ZLIB")
        return taken, tf.cast(tf.strings.length(content, unit="BYTE"), tf.int64)

    _, known = tf.while_loop(
        lambda taken, known: (taken < length) & (known <= size),
        inflate,
        (tf.constant(0), tf.constant(0, tf.int64)),
        parallel_iterations=1,
    )
    return known > size
