"""Inflates zlib streams of a known size in a TensorFlow graph, without inflating a bomb as a whole."""

from __future__ import annotations

import tensorflow as tf

from tfds_voc_seg.tracing import traced_once

_SURPLUS = 1 << 27
"""Bytes that a stream may inflate to beyond its size before this is noticed."""

_INFLATED_AT_ONCE = 330 << 20
"""Bytes that `inflates_beyond` holds at most; larger steps are fewer, and each begins at the start of the stream."""

_LEAST_STEP = 20 << 20
"""Bytes beside the size of what is inflated to the size, without which a step takes less than 20 KB of the stream."""

_INFLATED_IN_ALL = 3 << 30
"""Bytes of all steps together. A stream can hold millions of empty blocks, over which no step gets far."""

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

    def inflate(taken: tf.Tensor, _: tf.Tensor, in_all: tf.Tensor) -> tuple[tf.Tensor, ...]:
        taken = tf.minimum(taken, length)
        content = tf.io.decode_compressed(tf.strings.substr(compressed, 0, taken), "ZLIB")
        known = tf.cast(tf.strings.length(content, unit="BYTE"), tf.int64)
        done = (known > size) | (taken >= length)  # a stream that is too large or complete ends the loop
        return tf.where(done, -1, taken + next_length(known)), content, in_all + known

    first = next_length(tf.constant(0, tf.int64))

    def inflate_in_steps() -> tf.Tensor:
        taken, content, _ = tf.while_loop(
            lambda taken, _, in_all: (taken >= 0) & (in_all <= _INFLATED_IN_ALL),
            inflate,
            (first, tf.constant(b""), tf.constant(0, tf.int64)),
        )
        return tf.where(taken < 0, content, "")

    content = tf.cond(length <= first, lambda: tf.io.decode_compressed(compressed, "ZLIB"), inflate_in_steps)

    def refused() -> tf.Tensor:
        message = tf.strings.join(["the mask of a record does not unpack to ", tf.strings.as_string(size), " bytes"])
        with tf.control_dependencies([tf.debugging.Assert(tf.constant(False), [message])]):
            return tf.identity(content)

    fits = tf.equal(tf.cast(tf.strings.length(content, unit="BYTE"), tf.int64), size)
    return tf.cond(fits, lambda: tf.identity(content), refused)


def inflates_beyond(compressed: tf.Tensor, size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds out whether a stream, or the beginning of one, inflates to more bytes than `size`; never inflates a bomb.

    Args:
        compressed: string scalar, a zlib stream or its beginning.
        size: int64 scalar.

    Returns:
        Whether it inflates to more, as far as it was inflated; whether it was inflated to its end or beyond the size,
        which takes too long for a large stream that inflates to hundreds of MiB, and too much memory for a size above
        310 MiB.

    Raises:
        tf.errors.InvalidArgumentError: at run time: the stream is damaged.
    """
    length = tf.strings.length(compressed, unit="BYTE")

    def inflate(taken: tf.Tensor, known: tf.Tensor, in_all: tf.Tensor) -> tuple[tf.Tensor, ...]:
        more = tf.maximum(_INFLATED_AT_ONCE - known, 0) // _LARGEST_RATIO
        taken = tf.minimum(taken + 1 + tf.cast(more, tf.int32), length)
        content = tf.io.decode_compressed(tf.strings.substr(compressed, 0, taken), "ZLIB")
        known = tf.cast(tf.strings.length(content, unit="BYTE"), tf.int64)
        return taken, known, in_all + known

    is_small = size <= _INFLATED_AT_ONCE - _LEAST_STEP
    taken, known, _ = tf.while_loop(
        lambda taken, known, in_all: is_small & (taken < length) & (known <= size) & (in_all <= _INFLATED_IN_ALL),
        inflate,
        (tf.constant(0), tf.constant(0, tf.int64), tf.constant(0, tf.int64)),
        parallel_iterations=1,
    )
    return known > size, (known > size) | (taken >= length)
