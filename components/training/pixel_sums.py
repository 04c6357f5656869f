"""What the losses use: the mask of valid pixels, and sums and pixels of the global batch."""

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


def gather_pixels(*tensors: tf.Tensor) -> list[tf.Tensor]:
    """Joins the pixels of all replicas, in the order of the global batch. No gradient flows through the result.

    Args:
        *tensors: finite float32 [..., pixels]; the number of pixels is the same on each replica.

    Returns:
        The tensors as [..., pixels × replicas]; the same shape with one replica or outside a replica context.
    """
    constants = [tf.stop_gradient(tensor) for tensor in tensors]
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return constants
    # A sum in which each replica has zeros in the places of the others: XLA has no operation that gathers.
    place = tf.one_hot(context.replica_id_in_sync_group, context.num_replicas_in_sync)
    parts = context.all_reduce(tf.distribute.ReduceOp.SUM, [tf.tensordot(place, own, axes=0) for own in constants])
    return [tf.concat(tf.unstack(of_replicas), axis=-1) for of_replicas in parts]


def own_pixels(gathered: tf.Tensor) -> tf.Tensor:
    """Returns this replica's part of a result of `gather_pixels`: [..., pixels × replicas] → [..., pixels]."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return gathered
    pixels = tf.shape(gathered)[-1] // context.num_replicas_in_sync
    start = context.replica_id_in_sync_group * pixels
    return gathered[..., start : start + pixels]
