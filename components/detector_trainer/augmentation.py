"""The segmentation's augmentation with boxes in place of a class map: the same settings, draws and geometry."""

from __future__ import annotations

import tensorflow as tf

from components.segmentation_trainer.augmentation import change_colours, rescale, scaling
from components.segmentation_trainer.augmentation_config import AugmentationConfig

SMALLEST_SIDE = 0.01
"""As a share of the image's side: what is left of a smaller box shows nothing of its object."""


def augment_with_boxes(
    image: tf.Tensor, boxes: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Flips, colours and scales one image at random.

    Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, sections 2.2 and 3.6: zoom in and out, an
    object stays if its centre does. There the crop is drawn until it overlaps objects enough; here it is drawn once.

    Args:
        image: uint8 [height, width, 3], RGB.
        boxes: float32 [N, 4], ymin, xmin, ymax and xmax as shares of the sides.
        labels: int [N].
        seed: int [2]; the same seed gives the same result.
        config: what to do.

    Returns:
        The image, of the same shape and dtype, and the boxes and labels of the objects that are left.
    """
    flip, scale, top, left, *colours = tf.unstack(tf.random.stateless_uniform([8], seed))
    if config.horizontal_flip:
        image, boxes = tf.cond(flip < 0.5, lambda: (tf.reverse(image, [1]), mirrored(boxes)), lambda: (image, boxes))
    if config.changes_colours:
        image = change_colours(image, [2 * draw - 1 for draw in colours], config)
    if config.scale:
        smallest, largest = config.scale
        factor, place = smallest + (largest - smallest) * scale, tf.stack([top, left])
        size = tf.shape(image)[:2]
        boxes, left_over = moved(boxes, size, factor, place)
        boxes, labels = tf.boolean_mask(boxes, left_over), tf.boolean_mask(labels, left_over)
        image, _ = rescale(image, tf.zeros_like(image[..., 0], tf.uint8), factor, place)
    if image.dtype != tf.uint8:
        image = tf.saturate_cast(tf.round(image), tf.uint8)
    return image, boxes, labels


def mirrored(boxes: tf.Tensor) -> tf.Tensor:
    """Boxes of the image mirrored left to right: float32 [N, 4]."""
    top, left, bottom, right = tf.unstack(boxes, axis=-1)
    return tf.stack([top, 1 - right, bottom, 1 - left], axis=-1)


def moved(boxes: tf.Tensor, size: tf.Tensor, scale: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where `rescale` puts boxes, cut off at what stays in sight.

    Args:
        boxes: float32 [N, 4].
        size: int32 [2], the image's height and width, pixels.
        scale: as for `rescale`.
        place: as for `rescale`.

    Returns:
        float32 [N, 4]; bool [N], whether the object's centre is in sight and something of its box.
    """
    window, start, resized, before = (tf.cast(values, tf.float32) for values in scaling(size, scale, place))
    sides = tf.cast(size, tf.float32)
    corners = (tf.reshape(boxes, [-1, 2, 2]) * sides - start) / window  # shares of the window
    centres = tf.reduce_mean(corners, axis=1)
    corners = tf.clip_by_value(corners, 0.0, 1.0)
    result = (corners * resized + before) / sides
    in_sight = tf.reduce_all((centres >= 0) & (centres <= 1), axis=1)
    large_enough = tf.reduce_all(result[:, 1] - result[:, 0] >= SMALLEST_SIDE, axis=1)
    return tf.reshape(result, [-1, 4]), in_sight & large_enough
