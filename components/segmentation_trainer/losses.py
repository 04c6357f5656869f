"""Losses that leave void out: pure functions of class maps and scores."""

from __future__ import annotations

import tensorflow as tf

from tfds_voc_seg.labels import VOID


def cross_entropy(classes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """Softmax cross-entropy, averaged over the batch's valid pixels.

    Args:
        classes: uint8 [batch, height, width], class ids and `VOID`.
        scores: float [batch, height, width, num_classes], linear.

    Returns:
        float32 scalar; 0 where every pixel is void.
    """
    valid = tf.not_equal(tf.cast(classes, tf.int32), VOID)
    labels = tf.where(valid, tf.cast(classes, tf.int32), 0)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.cast(scores, tf.float32))
    weights = tf.cast(valid, tf.float32)
    return tf.math.divide_no_nan(tf.reduce_sum(losses * weights), tf.reduce_sum(weights))
