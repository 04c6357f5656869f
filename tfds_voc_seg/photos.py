"""Decodes and resizes photos with TensorFlow; records, training, serving and `predict` use the same functions."""

from __future__ import annotations

import re

import numpy as np
import tensorflow as tf

from tfds_voc_seg.photo_headers import photo_header

_GRAPH_LOCATION = re.compile(
    r"Graph execution error:\s+Detected at node.*?<stack traces unavailable>|\[\[.*?\]\]|\{\{.*?\}\}|\[Op:.*", re.DOTALL
)
"""Parts of TensorFlow's messages that name an operation in a graph."""

_PIXELS_AT_ONCE = 1 << 22  # laid over white together, in 16 bits


def message_of_tensorflow(error: BaseException, longest: int = 200) -> str:
    """Returns the message of an error of TensorFlow or of the system as one line, without places in graphs."""
    return " ".join(_GRAPH_LOCATION.sub("", str(error)).split())[:longest]


def decode_photo(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG, PNG, GIF or BMP image as a viewer shows it.

    The image is turned and mirrored as its EXIF orientation says, and a transparent PNG is laid over white.
    TensorFlow's decoders ignore the orientation and show the colours that transparent pixels hide.

    Args:
        encoded: string scalar, the file's bytes.

    Returns:
        uint8 [height, width, 3].

    Raises:
        tf.errors.InvalidArgumentError: the image is damaged or has another format.
    """
    orientation, transparent = photo_header(encoded)
    photo = tf.cond(
        transparent,
        lambda: _over_white(tf.io.decode_png(encoded, channels=4)),
        lambda: tf.io.decode_image(encoded, channels=3, expand_animations=False),
    )
    photo.set_shape([None, None, 3])
    photo = tf.cond(orientation > 1, lambda: _upright(photo, orientation), lambda: photo)
    photo.set_shape([None, None, 3])
    return photo


def _over_white(image: tf.Tensor) -> tf.Tensor:
    """Lays uint8 [height, width, 4] over white: (colour · alpha + 255 · (255 - alpha)) / 255, rounded; uint8."""
    flat = tf.reshape(image, [-1, 4])
    parts = -(-tf.shape(flat)[0] // _PIXELS_AT_ONCE)

    def write(part: tf.Tensor, written: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        start = part * _PIXELS_AT_ONCE
        return part + 1, written.write(part, _pixels_over_white(flat[start : start + _PIXELS_AT_ONCE]))

    empty = tf.TensorArray(tf.uint8, parts, infer_shape=False, element_shape=[None, 3])
    _, written = tf.while_loop(lambda part, _: part < parts, write, (0, empty), parallel_iterations=1)
    return tf.reshape(written.concat(), tf.concat([tf.shape(image)[:2], [3]], axis=0))


def _pixels_over_white(pixels: tf.Tensor) -> tf.Tensor:
    """Lays pixels, uint8 [N, 4], over white, uint8 [N, 3]."""
    colours, alpha = tf.split(tf.cast(pixels, tf.uint16), [3, 1], axis=-1)
    sums = colours * alpha + 255 * (255 - alpha) + 128  # at most 255² + 128, which fits into 16 bits
    rounded = tf.bitwise.right_shift(sums + tf.bitwise.right_shift(sums, np.uint16(8)), np.uint16(8))
    return tf.cast(rounded, tf.uint8)  # an exact rounded division by 255, as in PIL


def _upright(photo: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors an image [height, width, 3] with an EXIF orientation of 2 to 8."""

    def is_one_of(*orientations: int) -> tf.Tensor:
        return tf.reduce_any(tf.equal(orientation, orientations))

    for needed, change in (
        (is_one_of(5, 6, 7, 8), lambda image: tf.transpose(image, [1, 0, 2])),
        (is_one_of(2, 3, 6, 7), lambda image: image[:, ::-1]),
        (is_one_of(3, 4, 7, 8), lambda image: image[::-1]),
    ):
        photo = tf.cond(needed, lambda image=photo, change=change: change(image), lambda image=photo: image)
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
