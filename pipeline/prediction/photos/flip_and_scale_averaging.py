"""Test-time augmentation: averages the probabilities over mirrored and scaled versions of a photo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import tensorflow as tf

from pipeline.prediction.photos.tiles import blended_tiles
from tfds_voc_seg.photos import resize_photo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

SCALES = (0.75, 1.0, 1.5)
"""Sizes of the photo's versions, as factors of the network's input size."""

Score: TypeAlias = "Callable[[Sequence[NDArray[np.uint8]]], NDArray[np.float32]]"
"""Images of the network's size, uint8 [size, size, 3] each → scores, float32 [images, size, size, classes]."""


def averaged_probabilities(photo: NDArray[np.uint8], size: int, score: Score) -> NDArray[np.float32]:
    """Averages the probabilities over versions of the photo: each of `SCALES`, mirrored and not.

    The network takes images of a single size. A larger version is split into overlapping tiles of that size; a smaller
    version is padded with its reflected edges.

    Args:
        photo: uint8 [height, width, 3].
        size: height and width of the network's input, pixels.
        score: the network.

    Returns:
        float32 [side, side, classes], where `side` is that of the largest version.
    """

    def probabilities(images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        return [*tf.nn.softmax(score(images)).numpy()]

    sides = [round(scale * size) for scale in SCALES]
    versions: list[Any] = []
    for side in sides:
        resized = resize_photo(tf.constant(photo), side).numpy()
        before = max(0, size - side) // 2
        after = max(0, size - side) - before
        padded = np.pad(resized, ((before, after), (before, after), (0, 0)), mode="symmetric")
        for direction in (1, -1):
            whole = np.concatenate([*blended_tiles(padded[:, ::direction], size, probabilities)])[:, ::direction]
            version = whole[before : before + side, before : before + side]
            versions.append(tf.image.resize(version, (max(sides), max(sides))))
    averaged: NDArray[np.float32] = tf.reduce_mean(versions, axis=0).numpy()
    return averaged
