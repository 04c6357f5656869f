"""Test-time augmentation: the probabilities of a photo, averaged over mirrored and scaled versions of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from pipeline.prediction.photos.windows import blended
from tfds_voc_seg.photos import resize_photo

SCALES = (0.75, 1.0, 1.5)
"""Of the network's input size."""

Score = Callable[[Sequence[np.ndarray]], np.ndarray]
"""Images of the network's size, uint8 [size, size, 3] each → scores, float32 [images, size, size, classes]."""


def augmented_probabilities(photo: np.ndarray, size: int, score: Score) -> np.ndarray:
    """Averages the probabilities over `SCALES` of the photo, each as it is and mirrored.

    The network takes one size. A larger version is given to it in overlapping windows of that size, a smaller one with
    its edges reflected around it.

    Args:
        photo: uint8 [height, width, 3].
        size: height and width of the network's input, pixels.
        score: the network.

    Returns:
        float32 [side, side, classes], where side is that of the largest version.
    """

    def probabilities(images: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [*tf.nn.softmax(score(images)).numpy()]

    sides = [round(scale * size) for scale in SCALES]
    versions = []
    for side in sides:
        resized = resize_photo(tf.constant(photo), side).numpy()
        before = max(0, size - side) // 2
        after = max(0, size - side) - before
        padded = np.pad(resized, ((before, after), (before, after), (0, 0)), mode="symmetric")
        for turn in (1, -1):
            whole = np.concatenate([*blended(padded[:, ::turn], size, probabilities)])[:, ::turn]
            version = whole[before : before + side, before : before + side]
            versions.append(tf.image.resize(version, (max(sides), max(sides))))
    return tf.reduce_mean(versions, axis=0).numpy()
