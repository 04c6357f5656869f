"""The Lovász-softmax loss: a differentiable surrogate of the mean IoU."""

from __future__ import annotations

import tensorflow as tf

from components.training.pixel_sums import gather_pixels, labels_and_validity, own_pixels, sum_over_replicas


def lovasz_softmax(classes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """Computes the Lovász extension of the Jaccard loss at the pixels' errors, averaged over the classes that occur.

    Source: Berman, Triki, Blaschko, "The Lovász-Softmax loss: A tractable surrogate for the optimization of the
    intersection-over-union measure in neural networks", CVPR 2018, section 3. The IoU is computed over all valid
    pixels of the batch, not per image; this is the default of the authors' code.

    Under a distribution strategy the pixels are those of the global batch: sorting needs all errors in one place, so
    each replica receives the errors of all others, one float per pixel and class, and sorts them all.

    Args:
        classes: uint8 [batch, height, width], class ids and `VOID`.
        scores: float [batch, height, width, num_classes], linear.

    Returns:
        float32 scalar in 0..1; 0 if every pixel is void.
    """
    num_classes = scores.shape[-1]
    labels, valid = (tf.reshape(pixels, [-1]) for pixels in labels_and_validity(classes))
    probabilities = tf.nn.softmax(tf.cast(tf.reshape(scores, [-1, num_classes]), tf.float32))
    probabilities = tf.transpose(probabilities)  # [num_classes, pixels]
    truth = valid & tf.equal(labels, tf.range(num_classes)[:, None])
    errors = tf.where(truth, 1 - probabilities, probabilities)

    # The weights are constants for the gradient. Void pixels are ranked last, where they change no weight.
    ranked, labelled = gather_pixels(tf.where(valid, errors, -1.0), tf.cast(tf.where(valid, labels, -1), tf.float32))
    truth = tf.equal(labelled, tf.range(num_classes, dtype=tf.float32)[:, None])
    occurs = tf.reduce_any(truth, axis=1)
    weights = tf.map_fn(
        lambda of_class: tf.cond(
            of_class[2], lambda: _jaccard_gradient(*of_class[:2]), lambda: tf.zeros_like(of_class[0])
        ),
        (ranked, truth, occurs),  # one class at a time: sorting takes most of the time, and absent classes skip it
        fn_output_signature=tf.float32,
    )
    (losses,) = sum_over_replicas(tf.reduce_sum(tf.where(valid, errors, 0.0) * own_pixels(weights), axis=1))
    return tf.math.divide_no_nan(tf.reduce_sum(losses), tf.reduce_sum(tf.cast(occurs, tf.float32)))


def _jaccard_gradient(errors: tf.Tensor, truth: tf.Tensor) -> tf.Tensor:
    """Computes how much each pixel adds to the Jaccard loss, 1 - intersection / union.

    The pixels become wrong one by one, in the order of their errors, largest first.
    The increase is computed directly, because the difference of two losses is mostly rounding error at a million
    pixels: a wrong pixel of the class reduces the intersection by 1, any other wrong pixel increases the union by 1.

    Args:
        errors: float32 [pixels].
        truth: bool [pixels], whether the pixel is of the class; at least one is.

    Returns:
        float32 [pixels]: the increase due to each pixel.
    """
    order = tf.math.top_k(errors, k=tf.size(errors)).indices
    of_class = tf.gather(truth, order)
    missed = tf.cumsum(tf.cast(of_class, tf.int32))
    wrong = tf.range(1, tf.size(order) + 1)
    intersection = tf.cast(missed[-1] - missed, tf.float32)
    union = tf.cast(missed[-1] + wrong - missed, tf.float32)
    shares = tf.where(of_class, 1 / union, tf.math.divide_no_nan(intersection, union * (union - 1)))
    return tf.scatter_nd(order[:, None], shares, tf.shape(errors))
