"""SSD's loss: smooth L1 of the offsets, and softmax cross-entropy of the classes with hard negative mining.

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
    """Selects the negatives with the highest loss in each image, `NEGATIVES_PER_POSITIVE` per positive.

    Args:
        losses: float32 [batch, boxes], the classification loss.
        positive: bool [batch, boxes].

    Returns:
        bool [batch, boxes]; all false for an image without positives.
    """
    number = NEGATIVES_PER_POSITIVE * tf.reduce_sum(tf.cast(positive, tf.int32), axis=1, keepdims=True)
    hardest_first = tf.argsort(tf.where(positive, -1.0, losses), axis=1, direction="DESCENDING", stable=True)
    rank = tf.argsort(hardest_first, axis=1)
    return (rank < number) & ~positive


class MultiboxLoss(keras.losses.Loss):
    """The loss of a batch, divided by the number of positive default boxes; 0 if there are none.

    `y_true` is float32 [batch, boxes, 5] from `matching.targets`, `y_pred` is float32 [batch, boxes, 4 + classes] from
    `ssd300`.
    """

    def __init__(self, name: str = "multibox_loss"):
        super().__init__(name=name, reduction=None)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Computes the loss, a scalar."""
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
