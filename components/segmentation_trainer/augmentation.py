"""Augmentation inside tf.data: the same geometry for photo and mask, deterministic for a seed."""

from __future__ import annotations

import tensorflow as tf


def random_horizontal_flip(image: tf.Tensor, classes: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Flips image and class map together, with probability 1/2.

    Args:
        image: [height, width, 3].
        classes: [height, width].
        seed: int [2].

    Returns:
        Image and class map of the same shapes and dtypes.
    """
    flip = tf.random.stateless_uniform([], seed) < 0.5
    return (
        tf.cond(flip, lambda: tf.reverse(image, [1]), lambda: image),
        tf.cond(flip, lambda: tf.reverse(classes, [1]), lambda: classes),
    )
