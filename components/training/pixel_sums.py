"""What all losses use: the mask of valid pixels, and sums over the global batch."""

from __future__ import annotations

import tensorflow as tf

from tfds_voc_seg.labels import VOID


def labels_and_validity(classes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Splits class maps into labels that can be used as indices, and a mask of the valid pixels.

    Args:
        classes: [...], any dtype, class ids and `VOID`; Keras passes float32 to losses.

    Returns:
        int32 [...], 0 at void; bool [...], false at void.
    """
    labels = tf.cast(classes, tf.int32)
    valid = tf.not_equal(labels, VOID)
    return tf.where(valid, labels, 0), valid


def sum_over_replicas(*sums: tf.Tensor) -> list[tf.Tensor]:
    """Adds up one replica's sums over all replicas, so that a loss is normalised by the global batch.

    Optimisers add up the gradients of the replicas' losses, and each of these losses is 1/N of the global loss (see
    `losses.make_loss`). So the gradient of the result is N times the gradient of the replica's own sum. All replicas
    compute the same loss from the same sums; therefore the gradient needs no second reduction, unlike the gradient of
    `all_reduce`.

    Args:
        *sums: finite float tensors, each summed over the replica's own pixels.

    Returns:
        The tensors summed over all replicas; unchanged with one replica or outside a replica context.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return list(sums)
    totals = context.all_reduce(tf.distribute.ReduceOp.SUM, [tf.stop_gradient(own) for own in sums])
    own_gradients = [context.num_replicas_in_sync * (own - tf.stop_gradient(own)) for own in sums]  # their value is 0
    return [total + gradient for total, gradient in zip(totals, own_gradients, strict=True)]
