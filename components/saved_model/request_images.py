"""The images of a request, checked in the graph before they are decoded: a bad one is answered with a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfds_voc_seg.photos import MAX_PIXELS, decode_photo, resize_photo

_JPEG, _PNG, _GIF, _BMP = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM"
"""What files of each format begin with."""

_HEADER_BYTES = 24  # up to the end of PNG's height
_BIG_ENDIAN, _LITTLE_ENDIAN = (1 << 24, 1 << 16, 1 << 8, 1), (1, 1 << 8)  # what each byte of a number counts


def decode_request(image_bytes: tf.Tensor, size: int) -> tf.Tensor:
    """Decodes the images of a request and resizes them to the network's input.

    Args:
        image_bytes: string [batch], JPEG, PNG, GIF or BMP files of any size up to `MAX_PIXELS`.
        size: height and width of the result, pixels.

    Returns:
        uint8 [batch, size, size, 3].

    Raises:
        tf.errors.InvalidArgumentError: when run, an image is of no such format or too large, and the message says
            which; or it is damaged behind its header, which the decoder finds out, that doesn't know which it is.
    """
    return tf.map_fn(
        lambda numbered: resize_photo(decode_photo(_checked(*numbered)), size),
        (tf.range(tf.size(image_bytes)), image_bytes),
        fn_output_signature=tf.TensorSpec([size, size, 3], tf.uint8),
    )


def _checked(index: tf.Tensor, encoded: tf.Tensor) -> tf.Tensor:
    """Gives the file's bytes on, once its header says that it can be decoded."""
    header = tf.cast(tf.io.decode_raw(encoded, tf.uint8, fixed_length=_HEADER_BYTES), tf.int64)  # zeros where shorter
    is_jpeg, is_png, is_gif, is_bmp = (
        tf.reduce_all(header[: len(magic)] == list(magic)) for magic in (_JPEG, _PNG, _GIF, _BMP)
    )
    known = tf.debugging.Assert(
        is_jpeg | is_png | is_gif | is_bmp,
        [
            tf.strings.format(
                "image_bytes[{}] is not a JPEG, PNG, GIF or BMP file: send the bytes of an image file, "
                "in JSON as base64 under the key b64",
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
                "image_bytes[{}] unpacks to {} pixels, and " + f"{MAX_PIXELS} are allowed: make it smaller first",
                (index, pixels),
            )
        ],
    )
    # Decoding is no side effect: without this it would not wait for the checks.
    with tf.control_dependencies([known, small]):
        return tf.identity(encoded)


def _product_of(header: tf.Tensor, places: tuple[int, int], weights: Sequence[int]) -> Callable[[], tf.Tensor]:
    """Width × height, each a whole number in the header at its place.

    The product fits: libpng itself refuses sides of 2³¹ and more.
    """
    width, height = (tf.reduce_sum(header[place : place + len(weights)] * weights) for place in places)
    return lambda: width * height
