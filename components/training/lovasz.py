"""The Lovász-softmax loss: a surrogate of the mean IoU that gradients can follow."""

from __future__ import annotations

import tensorflow as tf

from components.training.pixel_sums import labels_and_validity


def lovasz_softmax(classes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """Lovász extension of the Jaccard loss at the pixels' errors, averaged over the classes that occur.

    Source: Berman, Triki, Blaschko, "The Lovász-Softmax loss: A tractable surrogate for the optimization of the
    intersection-over-union measure in neural networks", CVPR 2018, section 3. The IoU is that of all valid pixels of
    the batch together, the default of the authors' code, not of each image.

    Under a distribution strategy each replica has the loss of its own part of the batch, and the gradient is their
    mean: sorting needs all pixels in one place. This is the loss of a batch that is N times smaller.

    Args:
        classes: uint8 [batch, height, width], class ids and `VOID`.
        scores: float [batch, height, width, num_classes], linear.

    Returns:
        float32 scalar in 0..1; 0 where every pixel is void.
    """
    num_classes = scores.shape[-1]
    labels, valid = (tf.reshape(pixels, [-1]) for pixels in labels_and_validity(classes))
    probabilities = tf.nn.softmax(tf.cast(tf.reshape(scores, [-1, num_classes]), tf.float32))
    probabilities = tf.transpose(probabilities)  # [num_classes, pixels]
    truth = valid & tf.equal(labels, tf.range(num_classes)[:, None])
    occurs = tf.reduce_any(truth, axis=1)
    errors = tf.where(truth, 1 - probabilities, probabilities)

    # The weights are constants to the gradient. Void is put behind all other pixels, where it changes no weight.
    ranked = tf.stop_gradient(tf.where(valid, errors, -1.0))
    weights = tf.map_fn(
        lambda of_class: tf.cond(
            of_class[2], lambda: _jaccard_gradient(*of_class[:2]), lambda: tf.zeros_like(of_class[0])
        ),
        (ranked, truth, occurs),  # one class after the other: to sort takes the most time, and most classes are absent
        fn_output_signature=tf.float32,
    )
    losses = tf.reduce_sum(tf.where(valid, errors, 0.0) * weights, axis=1)
    return tf.math.divide_no_nan(tf.reduce_sum(losses), tf.reduce_sum(tf.cast(occurs, tf.float32)))


def _jaccard_gradient(errors: tf.Tensor, truth: tf.Tensor) -> tf.Tensor:
    """How much the Jaccard loss, 1 - intersection / union, grows where pixels go wrong one by one, largest error first.

    Not as the difference of two losses, which at a million pixels is mostly rounding: a wrong pixel of the class takes
    1 from the intersection, any other adds 1 to the union.

    Args:
        errors: float32 [pixels].
        truth: bool [pixels], whether the pixel is of the class; some are.

    Returns:
        float32 [pixels], each pixel's share.
    """
    order = tf.math.top_k(errors, k=tf.size(errors)).indices
    of_class = tf.gather(truth, order)
    missed = tf.cumsum(tf.cast(of_class, tf.int32))
    wrong = tf.range(1, tf.size(order) + 1)
    intersection = tf.cast(missed[-1] - missed, tf.float32)
    union = tf.cast(missed[-1] + wrong - missed, tf.float32)
    shares = tf.where(of_class, 1 / union, tf.math.divide_no_nan(intersection, union * (union - 1)))
    return tf.scatter_nd(order[:, None], shares, tf.shape(errors))
