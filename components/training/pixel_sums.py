"""What the losses share: void left out, and sums over the global batch."""

from __future__ import annotations

import tensorflow as tf

from tfds_voc_seg.labels import VOID


def labels_and_validity(classes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Splits class maps into labels that may index, and which of them count.

    Args:
        classes: [...], any dtype, class ids and `VOID`; Keras hands its losses float32.

    Returns:
        int32 [...], 0 at void; bool [...], false at void.
    """
    labels = tf.cast(classes, tf.int32)
    valid = tf.not_equal(labels, VOID)
    return tf.where(valid, labels, 0), valid


def over_replicas(*sums: tf.Tensor) -> list[tf.Tensor]:
    """Adds sums of one replica's pixels up over all replicas, so that a loss is normalised by the global batch.

    Optimisers add up the gradients of the replicas' losses, each of which is the global loss over N replicas (see
    `losses.make_loss`). So the gradient given here is N times that of the replica's own sum; since all replicas compute
    the same loss of the same sums, it needs no second reduction backwards, as the gradient of `all_reduce` does.

    Args:
        *sums: float tensors of a replica's own pixels, finite.

    Returns:
        The tensors summed over replicas; unchanged where there is one replica, or outside of a replica.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return list(sums)
    totals = context.all_reduce(tf.distribute.ReduceOp.SUM, [tf.stop_gradient(own) for own in sums])
    own_gradients = [context.num_replicas_in_sync * (own - tf.stop_gradient(own)) for own in sums]  # of value 0
    return [total + gradient for total, gradient in zip(totals, own_gradients, strict=True)]
