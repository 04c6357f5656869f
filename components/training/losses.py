"""Losses that leave void out: pure functions of class maps and scores.

All compute in float32 over the valid pixels of the whole batch, under a distribution strategy of the global batch
(`lovasz_softmax` excepted), and are 0 with a gradient of 0 where every pixel is void. All compile with XLA.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from components.training.lovasz import lovasz_softmax
from components.training.pixel_sums import labels_and_validity, over_replicas

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""From class maps and scores, as `cross_entropy` takes them, to a scalar."""

_SMALLEST_DIFFICULTY = 1e-7
"""Below, 1 - p is rounding in float32, and the slope of a power below 1 is infinite at 0."""


def cross_entropy(
    classes: tf.Tensor,
    scores: tf.Tensor,
    class_weights: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
) -> tf.Tensor:
    """Softmax cross-entropy, averaged over the valid pixels.

    Label smoothing: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7.

    Args:
        classes: uint8 [batch, height, width], class ids and `VOID`.
        scores: float [batch, height, width, num_classes], linear.
        class_weights: [num_classes], a pixel's weight by its true class; the mean is the weighted one,
            Σ weight × loss / Σ weight.
        label_smoothing: the share of each pixel's label that is spread evenly over all classes, 0 to 1.

    Returns:
        float32 scalar; 0 where every pixel is void.
    """
    return _mean_over_pixels(_pixel_cross_entropy(classes, scores, label_smoothing), classes, class_weights)


def focal(
    classes: tf.Tensor, scores: tf.Tensor, class_weights: Sequence[float] | None = None, gamma: float = 2.0
) -> tf.Tensor:
    """Focal loss: cross-entropy times (1 - p)^gamma, with p the probability of the true class.

    Source: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, equations 4 and 5; averaged over the pixels
    as `cross_entropy`, which it equals at gamma 0.

    Args:
        classes: as for `cross_entropy`.
        scores: as for `cross_entropy`.
        class_weights: as for `cross_entropy`; the paper's α.
        gamma: the exponent, from 0; the higher, the less a pixel counts that is easy.

    Returns:
        float32 scalar; 0 where every pixel is void.
    """
    losses = _pixel_cross_entropy(classes, scores)
    difficulty = tf.maximum(-tf.math.expm1(-losses), _SMALLEST_DIFFICULTY)  # 1 - p
    return _mean_over_pixels(difficulty**gamma * losses, classes, class_weights)


def dice(classes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """Soft Dice loss: 1 - 2 Σ p t / (Σ p + Σ t), averaged over the classes that occur in the batch.

    The sums run over all valid pixels of the batch, p is the class's probability and t is 1 where the class is the true
    one. Source: Milletari et al., "V-Net", 3DV 2016, section 3, with the plain sums in the denominator, and one term a
    class, of Sudre et al., "Generalised Dice Overlap as a Deep Learning Loss Function", DLMIA 2017, section 2.1.

    Args:
        classes: as for `cross_entropy`.
        scores: as for `cross_entropy`.

    Returns:
        float32 scalar in 0..1; 0 where every pixel is void.
    """
    labels, valid = labels_and_validity(classes)
    weights = tf.cast(valid, tf.float32)[..., None]
    truth = tf.one_hot(labels, scores.shape[-1]) * weights
    probabilities = tf.nn.softmax(tf.cast(scores, tf.float32)) * weights
    axes = [0, 1, 2]
    intersection, predicted_pixels, true_pixels = over_replicas(
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

    Under a distribution strategy of N replicas it gives 1/N of the loss: Keras scales its own losses so, but not one
    that is a scalar already, adds up the replicas' gradients, and multiplies what it logs by N.

    Args:
        loss: weights by name, names of `loss_config.LOSSES`.
        class_weights: [num_classes], of cross-entropy and focal loss.
        label_smoothing: of cross-entropy.
        focal_gamma: the focal loss's exponent.
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
    total, weight = over_replicas(tf.reduce_sum(losses * weights), tf.reduce_sum(weights))
    return tf.math.divide_no_nan(total, weight)
