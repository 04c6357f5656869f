"""SSD's augmentation: flips, colours, zooms out, and cuts patches that overlap an object enough."""

from __future__ import annotations

import tensorflow as tf

from components.detector_trainer.detector_config import DetectorAugmentationConfig
from components.detector_trainer.windows import (
    MIN_OVERLAPS,
    TRIALS,
    WHOLE,
    candidate_patches,
    canvas,
    patch_with_overlap,
    seen_boxes,
    seen_image,
    whole_pixels,
)
from components.training.augmentation import change_colours


def augment_with_boxes(
    image: tf.Tensor, boxes: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor, config: DetectorAugmentationConfig
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Changes one image and its boxes at random.

    Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, sections 2.2 (patches; an object stays if its
    centre does) and 3.6 (zoom out). Each pixel is resized once.

    Args:
        image: uint8 [height, width, 3], RGB.
        boxes: float32 [N, 4], ymin, xmin, ymax and xmax as shares of the sides.
        labels: int [N].
        seed: int [2]; the same seed gives the same result.
        config: what to do.

    Returns:
        The image, of the same shape and dtype, and the boxes and labels of the objects that are left.
    """
    draws = tf.random.stateless_uniform([10 + 4 * TRIALS], seed)
    flip, zooms, ratio, top, left, choice, *colours = tf.unstack(draws[:10])
    if config.horizontal_flip:
        image, boxes = tf.cond(flip < 0.5, lambda: (tf.reverse(image, [1]), mirrored(boxes)), lambda: (image, boxes))
    if config.changes_colours:
        image = change_colours(image, [2 * draw - 1 for draw in colours], config)

    window = tf.constant(WHOLE)
    if config.zoom_out > 1:
        ratio = tf.where(zooms < 0.5, 1 + (config.zoom_out - 1) * ratio, 1.0)
        window = canvas(ratio, tf.stack([top, left]))
    if config.patches:
        patch = _patch(seen_boxes(boxes, window)[0], choice, tf.reshape(draws[10:], [TRIALS, 4]))
        start, sides = window[:2], window[2:] - window[:2]
        window = tf.concat([start + patch[:2] * sides, start + patch[2:] * sides], axis=0)
    if config.zoom_out > 1 or config.patches:
        size = tf.shape(image)[:2]
        pixels = whole_pixels(window, size)
        boxes, left_over = seen_boxes(boxes, tf.cast(pixels, tf.float32) / tf.cast(tf.tile(size, [2]), tf.float32))
        boxes, labels = tf.boolean_mask(boxes, left_over), tf.boolean_mask(labels, left_over)
        image = seen_image(image, pixels)
    if image.dtype != tf.uint8:
        image = tf.saturate_cast(tf.round(image), tf.uint8)
    return image, boxes, labels


def mirrored(boxes: tf.Tensor) -> tf.Tensor:
    """Boxes of the image mirrored left to right: float32 [N, 4]."""
    top, left, bottom, right = tf.unstack(boxes, axis=-1)
    return tf.stack([top, 1 - right, bottom, 1 - left], axis=-1)


def _patch(boxes: tf.Tensor, choice: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """The whole image, or a patch of one of `MIN_OVERLAPS`, each as likely: float32 [4]."""
    index = tf.cast(choice * (len(MIN_OVERLAPS) + 1), tf.int32)
    min_overlap = tf.gather([*MIN_OVERLAPS, 0.0], index)
    patch = patch_with_overlap(boxes, candidate_patches(draws), min_overlap)
    return tf.where(index == len(MIN_OVERLAPS), tf.constant(WHOLE), patch)
