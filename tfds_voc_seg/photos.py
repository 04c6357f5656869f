"""Decodes and resizes photos with TensorFlow; records, training and serving use the same functions."""

from __future__ import annotations

import tensorflow as tf

MAX_PIXELS = 50_000_000
"""Largest number of pixels that is accepted, far above any photo of VOC: a larger image may be a decompression bomb."""


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
    """Resizes a photo to a square with antialiased bilinear interpolation.

    Args:
        photo: uint8 [..., height, width, 3].
        size: height and width of the result, pixels.

    Returns:
        uint8 [..., size, size, 3].
    """
    resized = tf.image.resize(photo, (size, size), method="bilinear", antialias=True)
    return tf.saturate_cast(tf.round(resized), tf.uint8)
