"""Photos as tensors: decoding and resizing, the same for records, training and serving."""

from __future__ import annotations

import tensorflow as tf

MAX_PIXELS = 50_000_000
"""More pixels than any photo of VOC by far: a larger image is taken for a decompression bomb."""


def decode_photo(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG, PNG, GIF or BMP image.

    Args:
        encoded: string scalar, the file's bytes.

    Returns:
        uint8 [height, width, 3].
    """
    photo = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    photo.set_shape([None, None, 3])
    return photo


def resize_photo(photo: tf.Tensor, size: int) -> tf.Tensor:
    """Resizes a photo to a square by antialiased bilinear interpolation.

    Args:
        photo: uint8 [..., height, width, 3].
        size: height and width of the result, pixels.

    Returns:
        uint8 [..., size, size, 3].
    """
    resized = tf.image.resize(photo, (size, size), method="bilinear", antialias=True)
    return tf.saturate_cast(tf.round(resized), tf.uint8)
