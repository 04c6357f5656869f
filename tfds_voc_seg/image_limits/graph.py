"""The limits of an image in a TensorFlow graph: what `limits.check_image` decides, as far as operations can tell.

Differences: blocks and chunks are counted in runs of equal length, so that a large file takes few steps; and what the
pixels of a PNG inflate to is checked except in the last bytes of a file, and beyond its first 17 MiB.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeAlias

import tensorflow as tf

from tfds_voc_seg.image_limits.graph_bytes import bytes_at, little_endian, occurrences, starts_with, text_at
from tfds_voc_seg.image_limits.graph_png import png_problem, png_sides
from tfds_voc_seg.image_limits.limits import MAX_COEFFICIENTS, MAX_PIXELS, MAX_SCANNED_PIXELS, MAX_SCANS, MAX_SIDE
from tfds_voc_seg.tracing import traced_once

if TYPE_CHECKING:
    Checked: TypeAlias = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
    """The bytes to decode, width and height int64 [2], and what is wrong with the image, empty if nothing is."""

JPEG, PNG, GIF, BMP = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM"
"""The first bytes of a file in each format."""

_MAX_STEPS = 2_000
_RECORD_PIXEL_BYTES, _RECORD_EXTRA_BYTES = 4, 1 << 16  # of the image of a record at most, and for its headers
_WINDOW = 1 << 16  # bytes that are read in a step
_EXTENSION, _FRAME = ord("!"), ord(",")
_UNKNOWN = (
    "is not a JPEG, PNG, GIF or BMP file: send the bytes of an image file in one of these formats, in JSON as base64 "
    "under the key b64"
)


@traced_once
def checked_photo(encoded: tf.Tensor, name: tf.Tensor, longest_side: int = MAX_SIDE) -> tf.Tensor:
    """Checks that a photo may be decoded.

    Args:
        encoded: string scalar, the bytes of a file.
        name: string scalar, what the image is called in an error.
        longest_side: pixels that a side may have, at most `MAX_SIDE`.

    Returns:
        string scalar, the bytes to decode: without the further frames of a GIF, which the decoder would unpack too.

    Raises:
        tf.errors.InvalidArgumentError: at run time: the image has another format or exceeds a limit.
    """
    content, sides, problem = tf.case(
        [
            (starts_with(encoded, JPEG), lambda: _jpeg(encoded)),
            (starts_with(encoded, PNG), lambda: _png(encoded)),
            (starts_with(encoded, GIF), lambda: _gif(encoded)),
            (starts_with(encoded, BMP), lambda: _bmp(encoded)),
        ],
        default=lambda: (encoded, tf.ones([2], tf.int64), tf.constant(_UNKNOWN)),
    )
    pixels = tf.reduce_prod(sides)  # libpng, giflib and TensorFlow reject sides of 2³¹ or more, which are negative here
    width, height = tf.unstack(tf.strings.as_string(sides))
    problem = tf.case(
        [
            (tf.not_equal(problem, ""), lambda: problem),
            (
                pixels > MAX_PIXELS,
                lambda: _joined(
                    "unpacks to ",
                    tf.strings.as_string(pixels),
                    f" pixels, and {MAX_PIXELS} are allowed: make the image smaller",
                ),
            ),
            (
                tf.reduce_max(sides) > longest_side,
                lambda: _joined("is ", _too_long(width, height, longest_side)),
            ),
        ],
        default=lambda: tf.constant(""),
    )
    allowed = tf.debugging.Assert(tf.equal(problem, ""), [_joined(name, " ", problem)])
    with tf.control_dependencies([allowed]):  # the decoder waits for the check
        return tf.identity(content)


def checked_record_image(encoded: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor) -> tf.Tensor:
    """Checks that the image of a record may be decoded: a PNG or JPEG of the record's size.

    Args:
        encoded: string scalar, the bytes of the image.
        height: of the record, pixels.
        width: of the record, pixels.

    Returns:
        `encoded`.

    Raises:
        tf.errors.InvalidArgumentError: at run time: the image has another format or size, or exceeds a limit.
    """
    expected = tf.cast(tf.stack([width, height]), tf.int64)
    pixels = tf.reduce_prod(expected)
    # Searching a PNG for texts would take a third of its decoding; they cannot be longer than the record's pixels.
    longest = _RECORD_PIXEL_BYTES * pixels + _RECORD_EXTRA_BYTES
    fits = (pixels <= MAX_PIXELS) & (tf.cast(tf.strings.length(encoded), tf.int64) <= longest)
    if isinstance(height, int) and isinstance(width, int):  # the usual case, in few operations
        usual = PNG + struct.pack(">I4sII", 13, b"IHDR", width, height)
        fast = tf.equal(tf.strings.substr(encoded, 0, len(usual)), usual) & fits
        return tf.cond(fast, lambda: tf.identity(encoded), lambda: _checked_sides_of_record(encoded, expected, fits))
    return _checked_sides_of_record(encoded, expected, fits)


@traced_once
def _checked_sides_of_record(encoded: tf.Tensor, expected: tf.Tensor, fits: tf.Tensor) -> tf.Tensor:
    """Does the same for any record; `expected` are width and height, `fits` says whether pixels and bytes do."""
    sides, problem = tf.cond(
        starts_with(encoded, PNG),
        lambda: (png_sides(encoded), tf.constant("")),
        lambda: tf.cond(
            starts_with(encoded, JPEG),
            lambda: _jpeg(encoded)[1:],
            lambda: (expected, tf.constant("is neither a PNG nor a JPEG")),
        ),
    )
    is_expected = tf.reduce_all(tf.equal(sides, expected)) & fits
    message = _joined("the image of a record ", tf.where(is_expected, problem, "does not have the record's size"))
    with tf.control_dependencies([tf.debugging.Assert(is_expected & tf.equal(problem, ""), [message])]):
        return tf.identity(encoded)


def checked_sides(images: tf.Tensor, longest_side: int) -> tf.Tensor:
    """Checks the sides of decoded images, uint8 [batch, height, width, 3], before they are resized; returns them.

    Raises:
        tf.errors.InvalidArgumentError: at run time: a side is longer than `longest_side`.
    """
    height, width = tf.unstack(tf.strings.as_string(tf.shape(images)[1:3]))
    message = _joined("images are ", _too_long(width, height, longest_side))
    allowed = tf.debugging.Assert(tf.reduce_max(tf.shape(images)[1:3]) <= longest_side, [message])
    with tf.control_dependencies([allowed]):
        return tf.identity(images)


def _too_long(width: tf.Tensor, height: tf.Tensor, longest_side: int) -> tf.Tensor:
    return _joined(width, " × ", height, f" pixels, and a side may have {longest_side}: make it smaller")


def _joined(*parts: str | tf.Tensor) -> tf.Tensor:
    return tf.strings.join(parts)


def _refused_if(condition: tf.Tensor, problem: str) -> tf.Tensor:
    return tf.where(condition, problem, "")


def _jpeg(encoded: tf.Tensor) -> Checked:
    shape = tf.cast(tf.image.extract_jpeg_shape(encoded), tf.int64)
    sides = shape[1::-1]
    scans = occurrences(encoded, b"\xff\xda", MAX_SCANS + 1)
    too_many = (scans > MAX_SCANS) | (tf.cast(scans, tf.int64) * tf.reduce_prod(sides) > MAX_SCANNED_PIXELS)
    too_deep = (scans > 1) & (tf.reduce_prod(shape) > MAX_COEFFICIENTS)
    many_scans = _joined("is a JPEG with ", tf.strings.as_string(scans), " or more scans: save it again")
    many_channels = "is a JPEG in several scans with more than three channels: save it in RGB"
    problem = tf.where(too_many, many_scans, tf.where(too_deep, many_channels, ""))
    return encoded, sides, tf.where(tf.reduce_prod(sides) <= MAX_PIXELS, problem, "")


def _png(encoded: tf.Tensor) -> Checked:
    sides = png_sides(encoded)
    return encoded, sides, png_problem(encoded, sides)


def _bmp(encoded: tf.Tensor) -> Checked:
    sides = tf.stack([little_endian(bytes_at(encoded, tf.constant(place), 4)) for place in (18, 22)])
    return encoded, tf.abs(tf.cast(sides, tf.int64)), tf.constant("")  # a negative height: rows from top to bottom


def _gif(encoded: tf.Tensor) -> Checked:
    """Walks to the end of the first frame, over the extensions before it."""
    start = 13 + _colour_bytes(bytes_at(encoded, tf.constant(10), 1)[0])

    def step(position: tf.Tensor, inside: tf.Tensor, sides: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, ...]:
        def over_blocks() -> tuple[tf.Tensor, ...]:
            following, at_end = _over_run(encoded, position)
            return following, ~at_end, sides, at_end & (sides[0] >= 0)

        def over_head() -> tuple[tf.Tensor, ...]:
            head = bytes_at(encoded, position, 10)
            is_frame, is_extension = tf.equal(head[0], _FRAME), tf.equal(head[0], _EXTENSION)
            size = tf.stack([little_endian(head[5:7]), little_endian(head[7:9])])
            following = position + tf.where(is_frame, 11 + _colour_bytes(head[9]), 2)
            return following, tf.constant(True), tf.where(is_frame, size, sides), ~(is_frame | is_extension)

        following: tuple[tf.Tensor, ...] = tf.cond(inside, over_blocks, over_head)
        return following

    end, _, sides, found = tf.while_loop(
        lambda *state: ~state[-1],
        step,
        (start, tf.constant(False), tf.constant([-1, -1]), tf.constant(False)),
        maximum_iterations=_MAX_STEPS,
    )
    length = tf.strings.length(encoded)
    complete = (sides[0] >= 0) & (end < length)
    content = tf.where(complete, _joined(text_at(encoded, tf.constant(0), end), b";"), encoded)
    problem = _refused_if(~found, f"has more than {_MAX_STEPS} blocks before the end of its first frame: save it again")
    screen = tf.stack([little_endian(bytes_at(encoded, tf.constant(place), 2)) for place in (6, 8)])
    return content, tf.cast(tf.maximum(sides, screen), tf.int64), problem


def _over_run(encoded: tf.Tensor, position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Goes over blocks of one length.

    Returns:
        The place behind them, and whether it is the end of the series, which an empty block marks.
    """
    window = bytes_at(encoded, position, _WINDOW)
    stride = window[0] + 1
    equal = tf.cast(tf.equal(window[::stride], window[0]), tf.int32)
    blocks = tf.reduce_sum(tf.math.cumprod(equal))
    at_end = tf.equal(window[0], 0)
    return position + tf.where(at_end, 1, blocks * stride), at_end


def _colour_bytes(flags: tf.Tensor) -> tf.Tensor:
    """Returns the bytes of a GIF's colour table."""
    bits = tf.bitwise.bitwise_and(flags, 7) + 1
    return tf.where(flags >= 0x80, 3 * tf.bitwise.left_shift(1, bits), 0)
