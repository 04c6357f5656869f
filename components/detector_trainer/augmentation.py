"""SSD's augmentation: random flip, colours, zoom out and crop; the boxes change with the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from components.detector_trainer.windows import (
    MIN_OVERLAPS,
    TRIALS,
    WHOLE_IMAGE,
    boxes_in_window,
    canvas_window,
    image_in_window,
    patch_with_overlap,
    random_patches,
    window_in_pixels,
)
from components.training.augmentation import change_colours

if TYPE_CHECKING:
    from components.detector_trainer.detector_config import DetectorAugmentationConfig


def augment_with_boxes(
    image: tf.Tensor, boxes: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor, config: DetectorAugmentationConfig
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Augments one image and its boxes.

    Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, sections 2.2 (patches; an object is kept if its
    centre is inside) and 3.6 (zoom out). Zoom out and crop are combined, so that each pixel is resized only once.

    Args:
        image: uint8 [height, width, 3], RGB.
        boxes: float32 [N, 4], ymin, xmin, ymax and xmax as shares of the sides.
        labels: int [N].
        seed: int [2]; the same seed gives the same result.
        config: which augmentations to apply.

    Returns:
        The image, with the same shape and dtype, and the boxes and labels of the objects that are kept.
    """
    draws = tf.random.stateless_uniform([10 + 4 * TRIALS], seed)
    flip, zoom, ratio, top, left, choice, *colours = tf.unstack(draws[:10])
    if config.horizontal_flip:
        image, boxes = tf.cond(flip < 0.5, lambda: (tf.reverse(image, [1]), mirrored(boxes)), lambda: (image, boxes))
    if config.changes_colours:
        image = change_colours(image, [2 * draw - 1 for draw in colours], config)

    window = tf.constant(WHOLE_IMAGE)
    if config.zoom_out > 1:
        ratio = tf.where(zoom < 0.5, 1 + (config.zoom_out - 1) * ratio, 1.0)
        window = canvas_window(ratio, tf.stack([top, left]))
    if config.patches:
        patch = _patch(boxes_in_window(boxes, window)[0], choice, tf.reshape(draws[10:], [TRIALS, 4]))
        start, sides = window[:2], window[2:] - window[:2]
        window = tf.concat([start + patch[:2] * sides, start + patch[2:] * sides], axis=0)
    if config.zoom_out > 1 or config.patches:
        size = tf.shape(image)[:2]
        pixels = window_in_pixels(window, size)
        boxes, kept = boxes_in_window(boxes, tf.cast(pixels, tf.float32) / tf.cast(tf.tile(size, [2]), tf.float32))
        boxes, labels = tf.boolean_mask(boxes, kept), tf.boolean_mask(labels, kept)
        image = image_in_window(image, pixels)
    if image.dtype != tf.uint8:
        image = tf.saturate_cast(tf.round(image), tf.uint8)
    return image, boxes, labels


def mirrored(boxes: tf.Tensor) -> tf.Tensor:
    """Mirrors boxes left to right, like the image: float32 [N, 4]."""
    top, left, bottom, right = tf.unstack(boxes, axis=-1)
    return tf.stack([top, 1 - right, bottom, 1 - left], axis=-1)


def _patch(boxes: tf.Tensor, choice: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Returns the whole image or a patch with one of `MIN_OVERLAPS`, all with equal probability: float32 [4]."""
    index = tf.cast(choice * (len(MIN_OVERLAPS) + 1), tf.int32)
    min_overlap = tf.gather([*MIN_OVERLAPS, 0.0], index)
    patch = patch_with_overlap(boxes, random_patches(draws), min_overlap)
    return tf.where(index == len(MIN_OVERLAPS), tf.constant(WHOLE_IMAGE), patch)
