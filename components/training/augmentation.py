"""Augmentation inside tf.data: the same geometry for photo and class map, reproducible from a seed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfds_voc_seg.geometry import PADDING_COLOUR
from tfds_voc_seg.labels import VOID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.training.augmentation_config import AugmentationConfig, FlipAndColourConfig

_RGB_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]], np.float32)
"""Rows: grey (ITU-R BT.601), and two colour axes in which the hue is an angle and the saturation a length."""


def augment(
    image: tf.Tensor, classes: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tuple[tf.Tensor, tf.Tensor]:
    """Flips, scales and changes the colours of one image at random.

    Args:
        image: uint8 [height, width, 3], RGB.
        classes: uint8 [height, width], class ids and `VOID`.
        seed: int [2]; the same seed gives the same result.
        config: the augmentation.

    Returns:
        Image and class map of the same shapes and dtypes.
    """
    flip, scale, top, left, *colours = tf.unstack(tf.random.stateless_uniform([8], seed))
    if config.horizontal_flip:
        image, classes = tf.cond(
            flip < 0.5, lambda: (tf.reverse(image, [1]), tf.reverse(classes, [1])), lambda: (image, classes)
        )
    if config.changes_colours:
        image = change_colours(image, [2 * draw - 1 for draw in colours], config)
    if config.scale:
        smallest, largest = config.scale
        image, classes = rescale(image, classes, smallest + (largest - smallest) * scale, tf.stack([top, left]))
    if image.dtype != tf.uint8:
        image = tf.saturate_cast(tf.round(image), tf.uint8)
    return image, classes


def rescale(image: tf.Tensor, classes: tf.Tensor, scale: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Scales an image and keeps its size: crops if it gets larger, pads if it gets smaller. Pixels are resized once.

    Source: Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation" (DeepLabv3), 2017, section 4.1:
    factors of 0.5 to 2, here drawn uniformly. The padding is `PADDING_COLOUR` and `VOID`.

    Args:
        image: uint8 or float [height, width, 3].
        classes: uint8 [height, width].
        scale: float scalar, the factor on height and width.
        place: float [2] in 0..1 (exclusive): the position, from top and from left, of the crop in the image or of the
            image in its padding.

    Returns:
        float32 [height, width, 3], bilinear and antialiased; uint8 [height, width], nearest neighbour.
    """
    size = tf.shape(classes)
    window, resized = _rounded_up(size, 1 / tf.maximum(scale, 1.0)), _rounded_up(size, tf.minimum(scale, 1.0))
    start, before = _offset(place, size - window), _offset(place, size - resized)
    paddings = tf.stack([before, size - resized - before], axis=1)

    photo = tf.slice(image, tf.concat([start, [0]], 0), tf.concat([window, [3]], 0))

    def smaller() -> tf.Tensor:
        shrunk = tf.image.resize(photo, resized, antialias=True) - PADDING_COLOUR
        return tf.pad(shrunk, tf.concat([paddings, [[0, 0]]], 0)) + PADDING_COLOUR

    # Antialiasing does not change an enlarged photo: without it the same pixels take a third of the time.
    photo = tf.cond(scale < 1, smaller, lambda: tf.image.resize(photo, resized))
    rows, columns = (_nearest(window[axis], resized[axis]) for axis in (0, 1))
    labels = tf.gather(tf.gather(tf.slice(classes, start, window), rows), columns, axis=1)
    labels = tf.pad(labels, paddings, constant_values=VOID)
    return tf.ensure_shape(photo, image.shape), tf.ensure_shape(labels, classes.shape)


def _nearest(size: tf.Tensor, resized: tf.Tensor) -> tf.Tensor:
    """Lists the nearest of `size` pixels in a row for each of `resized` pixels, by the pixels' centres."""
    centres = (tf.range(tf.cast(resized, tf.float32)) + 0.5) * tf.cast(size / resized, tf.float32)
    return tf.minimum(tf.cast(centres, tf.int32), size - 1)


def change_colours(image: tf.Tensor, draws: Sequence[tf.Tensor], config: FlipAndColourConfig) -> tf.Tensor:
    """Changes brightness, contrast, saturation and hue, in this order.

    The factors mean the same as in torchvision's `ColorJitter`, which rotates the hue in HSV. Here it is rotated in
    YIQ, where all four changes together are one matrix, and a rotation keeps the grey value (Haeberli, "Matrix
    Operations for Image Processing", 1993).

    Args:
        image: uint8 [height, width, 3], RGB.
        draws: 4 float scalars in -1..1, the fractions of the strengths: brightness, contrast, saturation, hue.
        config: the strengths.

    Returns:
        float32 [height, width, 3] in 0..255.
    """
    strengths = (config.brightness, config.contrast, config.saturation)
    brightness, contrast, saturation = (1 + strength * draw for strength, draw in zip(strengths, draws, strict=False))
    angle = 2 * math.pi * config.hue * draws[3]
    cosine, sine = saturation * tf.cos(angle), saturation * tf.sin(angle)
    turn = tf.reshape(tf.stack([1.0, 0.0, 0.0, 0.0, cosine, -sine, 0.0, sine, cosine]), [3, 3])
    matrix = brightness * contrast * (np.linalg.inv(_RGB_TO_YIQ) @ turn @ _RGB_TO_YIQ)

    colours = tf.reshape(tf.cast(image, tf.float32), [-1, 3])
    mean_grey = tf.tensordot(tf.reduce_mean(colours, axis=0), _RGB_TO_YIQ[0], 1)
    changed = tf.matmul(colours, matrix, transpose_b=True) + brightness * (1 - contrast) * mean_grey
    return tf.reshape(tf.clip_by_value(changed, 0.0, 255.0), tf.shape(image))


def _rounded_up(size: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Multiplies a size by a factor and rounds up, so that the result is never 0."""
    return tf.cast(tf.math.ceil(tf.cast(size, tf.float32) * factor), tf.int32)


def _offset(place: tf.Tensor, room: tf.Tensor) -> tf.Tensor:
    """Computes the offset, 0 to `room` pixels, from a position in 0..1."""
    return tf.cast(place * tf.cast(room + 1, tf.float32), tf.int32)
