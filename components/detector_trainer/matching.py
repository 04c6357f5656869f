"""Which default box stands for which object.

Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2, matching strategy; as in its authors'
code, the best default box is found for all objects together: the best pair of all first, so that each object gets one
of its own.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from components.detector_trainer.default_boxes import encode, to_corners

OVERLAP = 0.5
"""A default box stands for an object from this IoU on."""

BACKGROUND = 0


def pairwise_iou(boxes: Any, others: Any) -> tf.Tensor:
    """Intersection over union of each two boxes.

    Args:
        boxes: float32 [N, 4], corner form.
        others: float32 [M, 4], corner form.

    Returns:
        float32 [N, M]; 0 where both boxes are empty.
    """
    boxes, others = tf.convert_to_tensor(boxes)[:, None], tf.convert_to_tensor(others)[None]
    top_left = tf.maximum(boxes[..., :2], others[..., :2])
    bottom_right = tf.minimum(boxes[..., 2:], others[..., 2:])
    intersection = tf.reduce_prod(tf.maximum(bottom_right - top_left, 0.0), axis=-1)
    area, other_area = (tf.reduce_prod(tf.maximum(b[..., 2:] - b[..., :2], 0.0), axis=-1) for b in (boxes, others))
    return tf.math.divide_no_nan(intersection, area + other_area - intersection)


def match(overlaps: tf.Tensor) -> tf.Tensor:
    """Gives each default box the object that it stands for.

    Args:
        overlaps: float32 [objects, boxes], IoU; no more objects than boxes.

    Returns:
        int32 [boxes], the object's index, or -1 for none.
    """
    objects, boxes = tf.unstack(tf.shape(overlaps))
    no_match = tf.fill([boxes], -1)

    def take_best(left: tf.Tensor, matched: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        best = tf.argmax(tf.reshape(left, [-1]), output_type=tf.int32)
        number, box = best // boxes, best % boxes
        taken = (tf.range(objects) == number)[:, None] | (tf.range(boxes) == box)[None]
        return tf.where(taken, -1.0, left), tf.where(tf.range(boxes) == box, number, matched)

    def by_overlap() -> tf.Tensor:
        nearest = tf.argmax(overlaps, axis=0, output_type=tf.int32)
        enough = tf.where(tf.reduce_max(overlaps, axis=0) >= OVERLAP, nearest, -1)
        _, best = tf.while_loop(lambda left, matched: True, take_best, (overlaps, no_match), maximum_iterations=objects)
        return tf.where(best >= 0, best, enough)

    return tf.cond(objects > 0, by_overlap, lambda: no_match)


def targets(boxes: tf.Tensor, labels: tf.Tensor, defaults: Any) -> tf.Tensor:
    """Makes what the network is to predict of an image.

    Args:
        boxes: float32 [objects, 4], corner form, each with an area.
        labels: int [objects], class ids from 1.
        defaults: float32 [boxes, 4], centre form.

    Returns:
        float32 [boxes, 5]: offsets of the object that the default box stands for, or zeros, and its class id, or
        `BACKGROUND`.
    """
    matched = match(pairwise_iou(boxes, to_corners(defaults)))
    # One object more than there are, in the last place: what a default box without an object is given.
    boxes = tf.concat([boxes, tf.constant([[0.0, 0.0, 1.0, 1.0]])], axis=0)
    labels = tf.concat([tf.cast(labels, tf.float32), [float(BACKGROUND)]], axis=0)
    index = tf.where(matched >= 0, matched, tf.shape(labels)[0] - 1)
    offsets = tf.where(matched[:, None] >= 0, encode(tf.gather(boxes, index), defaults), 0.0)
    return tf.concat([offsets, tf.gather(labels, index)[:, None]], axis=-1)
