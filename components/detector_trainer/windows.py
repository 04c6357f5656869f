"""Windows of an image: random ones as in SSD's training, and the pixels and boxes inside a window.

A window is [ymin, xmin, ymax, xmax] as shares of the image's sides; it may extend beyond the image.
"""

from __future__ import annotations

import tensorflow as tf

from components.detector_trainer.matching import pairwise_iou
from tfds_voc_seg.geometry import PADDING_COLOUR

MIN_OVERLAPS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.0)
"""Minimum IoU of a patch with at least one object; the last value accepts any overlap."""

TRIALS = 50
SCALES = (0.3, 1.0)
"""Range of the square root of a patch's area as a share of the image's: the area is at least about one tenth."""

ASPECT_RATIOS = (0.5, 2.0)
SMALLEST_SIDE = 0.01
"""Share of the window's side: a clipped box with a shorter side is dropped, because it shows too little."""

WHOLE_IMAGE = (0.0, 0.0, 1.0, 1.0)


def canvas_window(ratio: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    """Returns the window of a larger canvas on which the image is placed.

    Args:
        ratio: float scalar, the canvas's side divided by the image's, at least 1.
        place: float [2] in 0..1, the image's position on the canvas: 0 is the top (left) edge, 1 the bottom (right).

    Returns:
        float32 [4].
    """
    start = -place * (ratio - 1)
    return tf.concat([start, start + ratio], axis=0)


def random_patches(draws: tf.Tensor) -> tf.Tensor:
    """Returns patches of random sizes, shapes and places within the image.

    Args:
        draws: float32 [N, 4], random numbers in 0..1 for scale, aspect ratio, vertical and horizontal position.

    Returns:
        float32 [N, 4]: scales in `SCALES`, width / height in `ASPECT_RATIOS`, limited so that both sides fit.
    """
    scale = SCALES[0] + (SCALES[1] - SCALES[0]) * draws[:, 0]
    narrowest, widest = tf.maximum(ASPECT_RATIOS[0], scale**2), tf.minimum(ASPECT_RATIOS[1], 1 / scale**2)
    root = tf.sqrt(narrowest + (widest - narrowest) * draws[:, 1])
    sides = tf.stack([scale / root, scale * root], axis=1)
    start = draws[:, 2:] * (1 - sides)
    return tf.concat([start, start + sides], axis=1)


def patch_with_overlap(boxes: tf.Tensor, patches: tf.Tensor, min_overlap: tf.Tensor) -> tf.Tensor:
    """Returns the first patch that overlaps an object sufficiently.

    Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2, data augmentation. As in its
    authors' code (batch_sampler in ssd_pascal.py), there are up to 50 trials; if all fail, the whole image is used. In
    addition, as in torchvision's `RandomIoUCrop`, a patch must contain the centre of an object, because otherwise no
    object would be kept.

    Args:
        boxes: float32 [objects, 4], corner form.
        patches: float32 [N, 4].
        min_overlap: float scalar, an IoU.

    Returns:
        float32 [4].
    """
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    contains_centre = tf.reduce_all((centres >= patches[:, None, :2]) & (centres <= patches[:, None, 2:]), axis=-1)
    overlaps = pairwise_iou(patches, boxes) >= min_overlap
    accepted = tf.reduce_any(overlaps, axis=1) & tf.reduce_any(contains_centre, axis=1)
    # The whole image is the last element, which argmax returns if no patch is accepted.
    accepted = tf.concat([accepted, [True]], axis=0)
    return tf.concat([patches, [WHOLE_IMAGE]], axis=0)[tf.argmax(tf.cast(accepted, tf.int32))]


def window_in_pixels(window: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Rounds a window's corners to whole pixels; the window is at least one pixel high and wide.

    Args:
        window: float32 [4].
        size: int32 [2], the image's height and width in pixels.

    Returns:
        int32 [4], pixels.
    """
    corners = tf.cast(tf.round(window * tf.cast(tf.tile(size, [2]), tf.float32)), tf.int32)
    return tf.concat([corners[:2], tf.maximum(corners[2:], corners[:2] + 1)], axis=0)


def image_in_window(image: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Resizes the window's content to the image's size; the area outside the image has `PADDING_COLOUR`.

    Args:
        image: uint8 or float32 [height, width, 3].
        window: int32 [4] in pixels, as from `window_in_pixels`; a part of the image should be inside.

    Returns:
        float32 [height, width, 3], antialiased.
    """
    size = tf.shape(image)[:2]
    start = tf.clip_by_value(window[:2], 0, size - 1)
    end = tf.clip_by_value(window[2:], start + 1, size)
    factor = tf.cast(size, tf.float32) / tf.cast(window[2:] - window[:2], tf.float32)
    first, last = (tf.cast(tf.round(tf.cast(at - window[:2], tf.float32) * factor), tf.int32) for at in (start, end))
    first = tf.minimum(first, size - 1)
    resized = tf.maximum(last - first, 1)
    piece = tf.slice(image, tf.concat([start, [0]], 0), tf.concat([end - start, [3]], 0))
    piece = tf.image.resize(piece, resized, antialias=True) - PADDING_COLOUR
    paddings = tf.stack([first, size - first - resized], axis=1)
    return tf.ensure_shape(tf.pad(piece, tf.concat([paddings, [[0, 0]]], 0)) + PADDING_COLOUR, image.shape)


def boxes_in_window(boxes: tf.Tensor, window: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Converts boxes to shares of the window's sides, clipped to the window.

    Args:
        boxes: float32 [objects, 4], corner form.
        window: float32 [4].

    Returns:
        float32 [objects, 4]; bool [objects], whether to keep the object: its centre is in the window, and its clipped
        box is not smaller than `SMALLEST_SIDE`.
    """
    corners = (tf.reshape(boxes, [-1, 2, 2]) - window[:2]) / (window[2:] - window[:2])
    centres = tf.reduce_mean(corners, axis=1)
    corners = tf.clip_by_value(corners, 0.0, 1.0)
    centre_inside = tf.reduce_all((centres >= 0) & (centres <= 1), axis=1)
    large_enough = tf.reduce_all(corners[:, 1] - corners[:, 0] >= SMALLEST_SIDE, axis=1)
    return tf.reshape(corners, [-1, 4]), centre_inside & large_enough
