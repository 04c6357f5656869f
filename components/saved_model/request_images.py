"""Decodes the images of a request; the graph first checks each image, so that the error names the bad one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from tfds_voc_seg.devkit.image_files import MAX_PIXELS
from tfds_voc_seg.photos import decode_photo, resize_photo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_JPEG, _PNG, _GIF, _BMP = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM"
"""The first bytes of a file in each format."""

_HEADER_BYTES = 24  # includes the image height in a PNG file
_BIG_ENDIAN, _LITTLE_ENDIAN = (1 << 24, 1 << 16, 1 << 8, 1), (1, 1 << 8)  # the place value of each byte


def decode_request(image_bytes: tf.Tensor, size: int) -> tf.Tensor:
    """Decodes the images of a request and resizes them to the network's input.

    Args:
        image_bytes: string [batch], JPEG, PNG, GIF or BMP files of any size up to `MAX_PIXELS`.
        size: height and width of the result, pixels.

    Returns:
        uint8 [batch, size, size, 3].

    Raises:
        tf.errors.InvalidArgumentError: at run time: an image has another format or is too large (the message gives its
            index), or it is corrupt after the header (the decoder's error cannot name the image).
    """
    return tf.map_fn(
        lambda numbered: resize_photo(decode_photo(_checked(*numbered)), size),
        (tf.range(tf.size(image_bytes)), image_bytes),
        fn_output_signature=tf.TensorSpec([size, size, 3], tf.uint8),
    )


def _checked(index: tf.Tensor, encoded: tf.Tensor) -> tf.Tensor:
    """Returns the bytes of an image file after checking its format and size in the header."""
    header = tf.cast(tf.io.decode_raw(encoded, tf.uint8, fixed_length=_HEADER_BYTES), tf.int64)  # padded with zeros
    is_jpeg, is_png, is_gif, is_bmp = (
        tf.reduce_all(header[: len(magic)] == list(magic)) for magic in (_JPEG, _PNG, _GIF, _BMP)
    )
    known = tf.debugging.Assert(
        is_jpeg | is_png | is_gif | is_bmp,
        [
            tf.strings.format(
                "image_bytes[{}] is not a JPEG, PNG, GIF or BMP file: send the bytes of an image file "
                "in one of these formats, in JSON as base64 under the key b64",
                index,
            )
        ],
    )
    pixels = tf.case(
        [
            (is_jpeg, lambda: tf.reduce_prod(tf.cast(tf.image.extract_jpeg_shape(encoded)[:2], tf.int64))),
            (is_png, _product_of(header, (16, 20), _BIG_ENDIAN)),
            (is_gif, _product_of(header, (6, 8), _LITTLE_ENDIAN)),
        ],
        default=lambda: tf.constant(0, tf.int64),  # BMP: not compressed, so no larger than the request itself
    )
    small = tf.debugging.Assert(
        pixels <= MAX_PIXELS,
        [
            tf.strings.format(
                "image_bytes[{}] unpacks to {} pixels, and " + f"{MAX_PIXELS} are allowed: make the image smaller",
                (index, pixels),
            )
        ],
    )
    # Without this dependency the decoder would not wait for the checks.
    with tf.control_dependencies([known, small]):
        return tf.identity(encoded)


def _product_of(header: tf.Tensor, places: tuple[int, int], weights: Sequence[int]) -> Callable[[], tf.Tensor]:
    """Returns a function that computes width × height from two integers at the given places of the header.

    The product fits into int64: libpng rejects sides of 2³¹ or more.
    """
    width, height = (tf.reduce_sum(header[place : place + len(weights)] * weights) for place in places)
    return lambda: width * height
