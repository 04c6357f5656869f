"""Losses that ignore void pixels: pure functions of class maps and scores.

All of them compute in float32 over the valid pixels of the whole batch; under a distribution strategy, over the global
batch. They are 0 with a gradient of 0 if every pixel is void. All of them compile with XLA.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from components.training.lovasz import lovasz_softmax
from components.training.pixel_sums import labels_and_validity, sum_over_replicas

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""(class maps, scores), as for `cross_entropy` → scalar."""

_SMALLEST_DIFFICULTY = 1e-7
"""Lower bound of 1 - p: below it, 1 - p is rounding error in float32; at 0, a power below 1 has an infinite slope."""


def cross_entropy(
    classes: tf.Tensor,
    scores: tf.Tensor,
    class_weights: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
) -> tf.Tensor:
    """Computes the softmax cross-entropy, averaged over the valid pixels.

    Label smoothing: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7.

    Args:
        classes: uint8 [batch, height, width], class ids and `VOID`.
        scores: float [batch, height, width, num_classes], linear.
        class_weights: [num_classes], the weight of a pixel by its true class; the mean is then
            Σ weight × loss / Σ weight.
        label_smoothing: the share of each pixel's label that is spread evenly over all classes, 0 to 1.

    Returns:
        float32 scalar; 0 if every pixel is void.
    """
    return _mean_over_pixels(_pixel_cross_entropy(classes, scores, label_smoothing), classes, class_weights)


def focal(
    classes: tf.Tensor, scores: tf.Tensor, class_weights: Sequence[float] | None = None, gamma: float = 2.0
) -> tf.Tensor:
    """Computes the focal loss: cross-entropy times (1 - p)^gamma, with p the probability of the true class.

    Source: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, equations 4 and 5. It is averaged over
    the pixels like `cross_entropy`, and equal to it at gamma 0.

    Args:
        classes: as for `cross_entropy`.
        scores: as for `cross_entropy`.
        class_weights: as for `cross_entropy`; the paper's α.
        gamma: the exponent, 0 or more; the higher it is, the less easy pixels count.

    Returns:
        float32 scalar; 0 if every pixel is void.
    """
    losses = _pixel_cross_entropy(classes, scores)
    difficulty = tf.maximum(-tf.math.expm1(-losses), _SMALLEST_DIFFICULTY)  # 1 - p
    return _mean_over_pixels(difficulty**gamma * losses, classes, class_weights)


def dice(classes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """Computes the soft Dice loss, 1 - 2 Σ p t / (Σ p + Σ t), averaged over the classes that occur in the batch.

    The sums are over all valid pixels of the batch; p is the class's probability, and t is 1 where the class is the
    true one. Source: Milletari et al., "V-Net", 3DV 2016, section 3; the plain sums in the denominator and the one term
    per class are from Sudre et al., "Generalised Dice Overlap as a Deep Learning Loss Function", DLMIA 2017, section
    2.1.

    Args:
        classes: as for `cross_entropy`.
        scores: as for `cross_entropy`.

    Returns:
        float32 scalar in 0..1; 0 if every pixel is void.
    """
    labels, valid = labels_and_validity(classes)
    weights = tf.cast(valid, tf.float32)[..., None]
    truth = tf.one_hot(labels, scores.shape[-1]) * weights
    probabilities = tf.nn.softmax(tf.cast(scores, tf.float32)) * weights
    axes = [0, 1, 2]
    intersection, predicted_pixels, true_pixels = sum_over_replicas(
        tf.reduce_sum(probabilities * truth, axes), tf.reduce_sum(probabilities, axes), tf.reduce_sum(truth, axes)
    )
    occurs = tf.cast(true_pixels > 0, tf.float32)
    losses = 1 - tf.math.divide_no_nan(2 * intersection, predicted_pixels + true_pixels)
    return tf.math.divide_no_nan(tf.reduce_sum(losses * occurs), tf.reduce_sum(occurs))


def make_loss(
    loss: Mapping[str, float],
    *,
    class_weights: Sequence[float] | None,
    label_smoothing: float = 0.0,
    focal_gamma: float = 2.0,
) -> Loss:
    """Makes a weighted sum of losses for Keras.

    Under a distribution strategy with N replicas, the function returns 1/N of the loss. Keras adds up the gradients of
    the replicas and multiplies the logged loss by N; it scales its own losses by 1/N, but not a loss that is already a
    scalar.

    Args:
        loss: name in `loss_config.LOSSES` → weight.
        class_weights: [num_classes], for cross-entropy and focal loss.
        label_smoothing: for cross-entropy.
        focal_gamma: the exponent of the focal loss.
    """
    losses: dict[str, Loss] = {
        "cross_entropy": functools.partial(cross_entropy, class_weights=class_weights, label_smoothing=label_smoothing),
        "focal": functools.partial(focal, class_weights=class_weights, gamma=focal_gamma),
        "dice": dice,
        "lovasz_softmax": lovasz_softmax,
    }

    def weighted_sum(classes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        total = tf.add_n([weight * losses[name](classes, scores) for name, weight in loss.items()])
        return total / tf.distribute.get_strategy().num_replicas_in_sync

    return weighted_sum


def _pixel_cross_entropy(classes: tf.Tensor, scores: tf.Tensor, label_smoothing: float = 0.0) -> tf.Tensor:
    labels, _ = labels_and_validity(classes)
    scores = tf.cast(scores, tf.float32)
    if not label_smoothing:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores)
    num_classes = scores.shape[-1]
    elsewhere = label_smoothing / num_classes
    targets = tf.one_hot(labels, num_classes, on_value=1 - label_smoothing + elsewhere, off_value=elsewhere)
    return tf.nn.softmax_cross_entropy_with_logits(targets, scores)


def _mean_over_pixels(losses: tf.Tensor, classes: tf.Tensor, class_weights: Sequence[float] | None) -> tf.Tensor:
    labels, valid = labels_and_validity(classes)
    weights = tf.cast(valid, tf.float32)
    if class_weights is not None:
        weights *= tf.gather(tf.constant(class_weights, tf.float32), labels)
    total, weight = sum_over_replicas(tf.reduce_sum(losses * weights), tf.reduce_sum(weights))
    return tf.math.divide_no_nan(total, weight)
