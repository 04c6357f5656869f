"""Background that is learnt as the classes it consists of, and told as background.

With few classes the background holds things that look much like them: cats, where dogs are sought. A network that has
to tell the cat by its name learns what makes the dog; one that learns both as "not this" does not. The classes beside
those sought are learnt as classes of their own, and their probabilities are added to the background's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfds_voc_seg.labels import VOC_CLASSES
from tfds_voc_seg.records.decoding import image_and_class_map, parse_background_classes


def learned_class_names(class_names: Sequence[str]) -> tuple[str, ...]:
    """Names all classes that are learnt: those sought, background first, and after them VOC's others in VOC's order."""
    return (*class_names, *(name for name in VOC_CLASSES if name not in class_names))


def image_and_learned_classes(
    serialized: tf.Tensor, image_size: int, class_names: Sequence[str]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a record that tells what its background consists of.

    Args:
        serialized: string scalar, a `tf.train.Example` of the record contract with `background_classes`.
        image_size: height and width, pixels.
        class_names: the names of the mask's channels, background first.

    Returns:
        image uint8 [image_size, image_size, 3] and class map uint8 [image_size, image_size]: indices of
        `learned_class_names`, and `VOID`.
    """
    image, classes = image_and_class_map(serialized, image_size, len(class_names))
    learned = learned_class_names(class_names)
    from_voc = np.array([learned.index(name) for name in VOC_CLASSES], np.uint8)
    background = tf.gather(from_voc, tf.cast(parse_background_classes(serialized, image_size), tf.int32))
    return image, tf.where(classes == 0, background, classes)


def join_background(scores: Any, num_classes: int) -> Any:
    """Adds the probabilities of the classes after the first `num_classes` to the background's, class 0.

    Args:
        scores: float [..., classes], linear, any number of classes from `num_classes` on.
        num_classes: how many are told, background included.

    Returns:
        float [..., num_classes], linear: the logarithms of the added probabilities, so that their softmax is these.
    """
    classes = scores.shape[-1]
    if classes == num_classes:
        return scores
    told_as = [index if index < num_classes else 0 for index in range(classes)]
    probabilities = keras.ops.matmul(keras.ops.softmax(scores), np.eye(num_classes, dtype=np.float32)[told_as])
    return keras.ops.log(keras.ops.maximum(probabilities, np.finfo(np.float32).tiny))


def with_background_joined(network: keras.Model, num_classes: int) -> keras.Model:
    """Makes a network that tells `num_classes` classes of one that learnt more, as `join_background` does.

    Args:
        network: images [batch, height, width, 3] → linear scores [batch, height, width, classes].
        num_classes: how many are told, background included.

    Returns:
        A network of the same input with the same weights; scores [batch, height, width, num_classes], linear.
    """
    images = keras.Input(network.input_shape[1:], name="image")
    return keras.Model(images, join_background(network(images), num_classes), name=network.name)
