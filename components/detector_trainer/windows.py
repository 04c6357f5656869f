"""Windows on an image: drawn at random as SSD's authors do, and what is seen through them.

A window is [ymin, xmin, ymax, xmax] as shares of the image's sides; it may reach beyond the image.
"""

from __future__ import annotations

import tensorflow as tf

from components.detector_trainer.matching import pairwise_iou
from components.training.augmentation import PADDING_COLOUR

MIN_OVERLAPS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.0)
"""The least IoU of a patch with some object; the last one asks for none."""

TRIALS = 50
SCALES = (0.3, 1.0)
"""The square root of a patch's area as a share of the image: an area of about a tenth or more."""

ASPECT_RATIOS = (0.5, 2.0)
SMALLEST_SIDE = 0.01
"""As a share of the window's side: what is left of a smaller box shows nothing of its object."""

WHOLE = (0.0, 0.0, 1.0, 1.0)


def canvas(ratio: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    """The window on a larger canvas that the image lies on.

    Args:
        ratio: float scalar, the canvas's side over the image's, 1 or more.
        place: float [2] in 0..1, where the image lies in the room that is left: from top, from left.

    Returns:
        float32 [4].
    """
    start = -place * (ratio - 1)
    return tf.concat([start, start + ratio], axis=0)


def candidate_patches(draws: tf.Tensor) -> tf.Tensor:
    """Patches of random sizes, shapes and places within the image.

    Args:
        draws: float32 [N, 4] in 0..1: scale, aspect ratio, place from top and from left.

    Returns:
        float32 [N, 4]: scales in `SCALES`, width / height in `ASPECT_RATIOS` where both sides fit.
    """
    scale = SCALES[0] + (SCALES[1] - SCALES[0]) * draws[:, 0]
    narrowest, widest = tf.maximum(ASPECT_RATIOS[0], scale**2), tf.minimum(ASPECT_RATIOS[1], 1 / scale**2)
    root = tf.sqrt(narrowest + (widest - narrowest) * draws[:, 1])
    sides = tf.stack([scale / root, scale * root], axis=1)
    start = draws[:, 2:] * (1 - sides)
    return tf.concat([start, start + sides], axis=1)


def patch_with_overlap(boxes: tf.Tensor, patches: tf.Tensor, min_overlap: tf.Tensor) -> tf.Tensor:
    """Takes the first patch that overlaps some object enough.

    Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2, data augmentation; up to 50
    trials, else the whole image, as its authors' code (batch_sampler in ssd_pascal.py). A patch must hold the centre of
    an object besides, as torchvision's `RandomIoUCrop` has it: nothing else would be left to learn from.

    Args:
        boxes: float32 [objects, 4], corner form.
        patches: float32 [N, 4].
        min_overlap: float scalar, an IoU.

    Returns:
        float32 [4].
    """
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    held = tf.reduce_all((centres >= patches[:, None, :2]) & (centres <= patches[:, None, 2:]), axis=-1)
    enough = tf.reduce_any(pairwise_iou(patches, boxes) >= min_overlap, axis=1) & tf.reduce_any(held, axis=1)
    # The whole image comes last: it is there where no patch will do.
    fits = tf.concat([enough, [True]], axis=0)
    return tf.concat([patches, [WHOLE]], axis=0)[tf.argmax(tf.cast(fits, tf.int32))]


def whole_pixels(window: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """A window's corners moved to the nearest pixels' edges, at least a pixel apart.

    Args:
        window: float32 [4].
        size: int32 [2], the image's height and width, pixels.

    Returns:
        int32 [4], pixels.
    """
    corners = tf.cast(tf.round(window * tf.cast(tf.tile(size, [2]), tf.float32)), tf.int32)
    return tf.concat([corners[:2], tf.maximum(corners[2:], corners[:2] + 1)], axis=0)


def seen_image(image: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """What is seen of an image through a window, resized to the image's own size; beyond it is `PADDING_COLOUR`.

    Args:
        image: uint8 or float32 [height, width, 3].
        window: int32 [4], pixels, as from `whole_pixels`; some of the image should lie in it.

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


def seen_boxes(boxes: tf.Tensor, window: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Boxes as shares of a window, cut off at its edges.

    Args:
        boxes: float32 [objects, 4], corner form.
        window: float32 [4].

    Returns:
        float32 [objects, 4]; bool [objects], whether the object's centre is in sight and something of its box.
    """
    corners = (tf.reshape(boxes, [-1, 2, 2]) - window[:2]) / (window[2:] - window[:2])
    centres = tf.reduce_mean(corners, axis=1)
    corners = tf.clip_by_value(corners, 0.0, 1.0)
    in_sight = tf.reduce_all((centres >= 0) & (centres <= 1), axis=1)
    large_enough = tf.reduce_all(corners[:, 1] - corners[:, 0] >= SMALLEST_SIDE, axis=1)
    return tf.reshape(corners, [-1, 4]), in_sight & large_enough
