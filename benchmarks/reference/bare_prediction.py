"""A SavedModel's signatures called on decoded images in memory, for comparison: no files and no pictures.

TensorFlow loads the SavedModel; PyAV decodes a clip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def decoded_batches(clip: Path, batch: int) -> list[Any]:
    """Decodes a clip into batches in memory, each uint8 [batch, height, width, 3]."""
    import av

    with av.open(str(clip)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [tf.constant(np.stack(frames[begin : begin + batch])) for begin in range(0, len(frames), batch)]


def resized(batches: Sequence[Any], size: tuple[int, int]) -> list[Any]:
    """Resizes batches to uint8 [batch, height, width, 3], antialiased."""
    return [tf.cast(tf.round(tf.image.resize(batch, size, antialias=True)), tf.uint8) for batch in batches]


class BarePrediction:
    """A SavedModel whose signatures are called on batches in memory."""

    def __init__(self, folder: Path):
        self._signatures = tf.saved_model.load(str(folder)).signatures

    def class_maps(self, batches: Sequence[Any]) -> list[Any]:
        """Returns the class maps of decoded batches, at the images' own size."""
        return [self._signatures["segment_images"](images=batch)["class_map"].numpy() for batch in batches]

    def scores(self, batches: Sequence[Any]) -> list[Any]:
        """Returns the scores of batches of the network's size, float32 [batch, size, size, classes]."""
        return [self._signatures["score_images"](images=batch)["scores"].numpy() for batch in batches]
