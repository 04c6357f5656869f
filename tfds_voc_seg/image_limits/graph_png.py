"""The limits of a PNG in a TensorFlow graph, see `graph.py`."""

from __future__ import annotations

import tensorflow as tf

from tfds_voc_seg.image_limits.graph_bytes import big_endian, bytes_at, occurrences, text_at
from tfds_voc_seg.image_limits.headers import MAX_PNG_TEXTS, MAX_SURPLUS
from tfds_voc_seg.image_limits.inflation import inflates_beyond
from tfds_voc_seg.image_limits.limits import MAX_PIXELS, MAX_SIDE

_EXTRA_BYTES = 1 << 22  # of texts, profiles and thumbnails
_ROW_BYTES = 32  # beside the samples: the filter, the ends of interlaced rows, chunks and blocks
_SAMPLES = (1, 4, 3, 1, 2, 4, 4, 4)  # per pixel, by colour type; 1, 5 and 7 do not exist

# libpng inflates the rest of the stream after the last row, 1.7 s of a core per MB of the file at worst.
_UNCHECKED = 3 << 20  # bytes at the end of a file that may inflate to anything
_CHECKED_AT_MOST = 17 << 20  # bytes at the beginning of a file; the time grows with their square
_MAX_CHUNKS = 1 << 13  # in them; libpng writes chunks of 8 KiB
_SURPLUS = "contains more data than its size needs: save it again"
_UNKNOWN_SURPLUS = "takes too long to check for more data than its size needs: save it as a JPEG or make it smaller"
_MANY_TEXTS = f"contains more than {MAX_PNG_TEXTS} compressed texts: save it without them"
_MANY_CHUNKS = f"has more than {_MAX_CHUNKS} chunks in its first {_CHECKED_AT_MOST >> 20} MiB: save it again"


def png_sides(encoded: tf.Tensor) -> tf.Tensor:
    """Returns width and height of a PNG, int64 [2]; a side of 2³¹ or more becomes negative."""
    header = bytes_at(encoded, tf.constant(16), 8)
    return tf.cast(tf.stack([big_endian(header[:4]), big_endian(header[4:])]), tf.int64)


def png_problem(encoded: tf.Tensor, sides: tf.Tensor) -> tf.Tensor:
    """Finds what is wrong with a PNG besides its size.

    Args:
        encoded: string scalar, the file's bytes.
        sides: the result of `png_sides`.

    Returns:
        string scalar, a sentence without its subject; empty if the file may be decoded, or its size is not allowed.
    """
    texts = sum(occurrences(encoded, kind, MAX_PNG_TEXTS + 1) for kind in (b"zTXt", b"iTXt"))
    has_allowed_size = (tf.reduce_prod(sides) <= MAX_PIXELS) & (tf.reduce_max(sides) <= MAX_SIDE)
    needed = _data_bytes(encoded, sides)
    length = tf.strings.length(encoded)
    return tf.case(
        [
            (texts > MAX_PNG_TEXTS, lambda: tf.constant(_MANY_TEXTS)),
            (~has_allowed_size, lambda: tf.constant("")),
            (tf.cast(length, tf.int64) > needed + _EXTRA_BYTES, lambda: tf.constant(_SURPLUS)),
            (length > _UNCHECKED, lambda: _problem_of_stream(encoded, needed)),
        ],
        default=lambda: tf.constant(""),
    )


def _data_bytes(encoded: tf.Tensor, sides: tf.Tensor) -> tf.Tensor:
    """Returns the bytes of a PNG's pixels before they are compressed, int64; compressing adds a thousandth at most."""
    bits, colour = tf.unstack(bytes_at(encoded, tf.constant(24), 2))
    samples = tf.gather(_SAMPLES, tf.minimum(colour, len(_SAMPLES) - 1))
    width, height = tf.unstack(tf.clip_by_value(sides, 0, MAX_PIXELS))
    return height * (_ROW_BYTES + width * tf.cast(bits * samples, tf.int64) // 8)


def _problem_of_stream(encoded: tf.Tensor, needed: tf.Tensor) -> tf.Tensor:
    """Inflates the beginning of the pixels, as far as it cannot be left unchecked."""
    end = tf.minimum(tf.strings.length(encoded) - _UNCHECKED, _CHECKED_AT_MOST)
    stream, reached = _pixel_stream(encoded, end)

    def surplus() -> tf.Tensor:
        beyond, known = inflates_beyond(stream, needed + MAX_SURPLUS)
        return tf.where(beyond, _SURPLUS, tf.where(known, "", _UNKNOWN_SURPLUS))

    return tf.cond(reached < end, lambda: tf.constant(_MANY_CHUNKS), surplus)


def _pixel_stream(encoded: tf.Tensor, end: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Joins what the chunks of pixels hold in the first bytes of a file.

    Returns:
        The stream; where the chunks end that were read: beyond `end`, except if there are too many.
    """

    def step(position: tf.Tensor, number: tf.Tensor, parts: tf.TensorArray) -> tuple[tf.Tensor, ...]:
        length = tf.clip_by_value(big_endian(bytes_at(encoded, position, 4)), 0, end)
        is_pixels = tf.equal(text_at(encoded, position + 4, 4), b"IDAT")
        taken = tf.where(is_pixels, tf.minimum(length, end - position - 8), 0)
        return position + 12 + length, number + 1, parts.write(number, text_at(encoded, position + 8, taken))

    position, _, parts = tf.while_loop(
        lambda position, number, _: (position < end) & (number < _MAX_CHUNKS),
        step,
        (tf.constant(8), tf.constant(0), tf.TensorArray(tf.string, 0, dynamic_size=True, element_shape=[])),
        parallel_iterations=1,
    )
    return tf.strings.reduce_join(parts.stack()), position
