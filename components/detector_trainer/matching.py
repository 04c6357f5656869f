"""Matches default boxes with objects.

Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2, matching strategy. As in its authors'
code, the best default boxes of all objects are selected together: the pair with the highest overlap of all pairs first,
so that each object gets its own default box.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from components.detector_trainer.default_boxes import encode, to_corners

MIN_OVERLAP = 0.5
"""A default box is matched with an object if their IoU is at least this value."""

BACKGROUND = 0


def pairwise_iou(boxes: Any, others: Any) -> tf.Tensor:
    """Computes the intersection over union of each pair of boxes.

    Args:
        boxes: float32 [N, 4], corner form.
        others: float32 [M, 4], corner form.

    Returns:
        float32 [N, M]; 0 if both boxes are empty.
    """
    boxes, others = tf.convert_to_tensor(boxes)[:, None], tf.convert_to_tensor(others)[None]
    top_left = tf.maximum(boxes[..., :2], others[..., :2])
    bottom_right = tf.minimum(boxes[..., 2:], others[..., 2:])
    intersection = tf.reduce_prod(tf.maximum(bottom_right - top_left, 0.0), axis=-1)
    area, other_area = (tf.reduce_prod(tf.maximum(b[..., 2:] - b[..., :2], 0.0), axis=-1) for b in (boxes, others))
    return tf.math.divide_no_nan(intersection, area + other_area - intersection)


def match(overlaps: tf.Tensor) -> tf.Tensor:
    """Returns the matched object of each default box.

    Args:
        overlaps: float32 [objects, boxes], IoU; there must not be more objects than boxes.

    Returns:
        int32 [boxes], the object's index, or -1 if the default box has no match.
    """
    objects, boxes = tf.unstack(tf.shape(overlaps))
    no_match = tf.fill([boxes], -1)

    def match_best_pair(remaining: tf.Tensor, matched: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        best = tf.argmax(tf.reshape(remaining, [-1]), output_type=tf.int32)
        number, box = best // boxes, best % boxes
        used = (tf.range(objects) == number)[:, None] | (tf.range(boxes) == box)[None]
        return tf.where(used, -1.0, remaining), tf.where(tf.range(boxes) == box, number, matched)

    def by_overlap() -> tf.Tensor:
        nearest = tf.argmax(overlaps, axis=0, output_type=tf.int32)
        overlapping = tf.where(tf.reduce_max(overlaps, axis=0) >= MIN_OVERLAP, nearest, -1)
        _, best = tf.while_loop(lambda *_: True, match_best_pair, (overlaps, no_match), maximum_iterations=objects)
        return tf.where(best >= 0, best, overlapping)

    return tf.cond(objects > 0, by_overlap, lambda: no_match)


def targets(boxes: tf.Tensor, labels: tf.Tensor, defaults: Any) -> tf.Tensor:
    """Computes the values that the network should predict for an image.

    Args:
        boxes: float32 [objects, 4], corner form, each with an area above 0.
        labels: int [objects], class ids from 1.
        defaults: float32 [boxes, 4], centre form.

    Returns:
        float32 [boxes, 5]: the offsets and the class id of the matched object; zeros and `BACKGROUND` for a default box
        without a match.
    """
    matched = match(pairwise_iou(boxes, to_corners(defaults)))
    # An additional object at the end represents the background, for default boxes without a match.
    boxes = tf.concat([boxes, tf.constant([[0.0, 0.0, 1.0, 1.0]])], axis=0)
    labels = tf.concat([tf.cast(labels, tf.float32), [float(BACKGROUND)]], axis=0)
    index = tf.where(matched >= 0, matched, tf.shape(labels)[0] - 1)
    offsets = tf.where(matched[:, None] >= 0, encode(tf.gather(boxes, index), defaults), 0.0)
    return tf.concat([offsets, tf.gather(labels, index)[:, None]], axis=-1)
