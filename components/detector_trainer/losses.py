"""SSD's loss: smooth L1 of the offsets and softmax cross-entropy of the classes, hard negatives alone.

Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, equations 1 to 3 and section 2.2, hard negative
mining.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from components.detector_trainer.matching import BACKGROUND
from components.detector_trainer.ssd300 import BOX_VALUES

NEGATIVES_PER_POSITIVE = 3


def hard_negatives(losses: tf.Tensor, positive: tf.Tensor) -> tf.Tensor:
    """Picks each image's negatives of the highest loss, `NEGATIVES_PER_POSITIVE` for each positive.

    Args:
        losses: float32 [batch, boxes], the classification's.
        positive: bool [batch, boxes].

    Returns:
        bool [batch, boxes]; none where an image has no positive.
    """
    wanted = NEGATIVES_PER_POSITIVE * tf.reduce_sum(tf.cast(positive, tf.int32), axis=1, keepdims=True)
    hardest_first = tf.argsort(tf.where(positive, -1.0, losses), axis=1, direction="DESCENDING", stable=True)
    rank = tf.argsort(hardest_first, axis=1)
    return (rank < wanted) & ~positive


class MultiboxLoss(keras.losses.Loss):
    """The loss over a batch, divided by its default boxes that stand for an object; 0 where there are none.

    `y_true` is float32 [batch, boxes, 5] as from `matching.targets`, `y_pred` float32 [batch, boxes, 4 + classes] as
    from `ssd300`.
    """

    def __init__(self, name: str = "multibox_loss"):
        super().__init__(name=name, reduction=None)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Gives the loss, a scalar."""
        labels = tf.cast(y_true[..., BOX_VALUES], tf.int32)
        positive = labels != BACKGROUND
        classification = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, y_pred[..., BOX_VALUES:])
        counted = positive | hard_negatives(classification, positive)
        distance = tf.abs(y_true[..., :BOX_VALUES] - y_pred[..., :BOX_VALUES])
        smooth_l1 = tf.reduce_sum(tf.where(distance < 1, distance**2 / 2, distance - 0.5), axis=-1)
        total = _sum_where(counted, classification) + _sum_where(positive, smooth_l1)
        return tf.math.divide_no_nan(total, tf.reduce_sum(tf.cast(positive, tf.float32)))


def _sum_where(chosen: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.where(chosen, values, 0.0))
