"""Counts the pixels of each class in records."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

CLASS_PIXELS = "class_pixels"


@dataclasses.dataclass(frozen=True)
class PixelCounts:
    """The pixels of a split's masks.

    Attributes:
        images: the number of records.
        class_pixels: pixels of each class, over all records; void is in none.
        without_foreground: the VOC image ids of the masks that hold no class but background.
    """

    images: int
    class_pixels: tuple[int, ...]
    without_foreground: tuple[str, ...]


_BATCH = 256  # records


def count_pixels(files: Sequence[str], channels: int) -> PixelCounts:
    """Adds up the pixels of a split's masks.

    TFDV pools the values of `class_pixels` over its elements, so that its statistics hold no sum of one class, and TFX
    hands it neither generators nor slicing functions of one's own. Nor can a schema say that a mask has to hold
    something besides background. Hence this pass over the records, which parses two small features and decodes neither
    image nor mask.

    Args:
        files: the split's shards; their records keep to the curated schema.
        channels: the number of classes, background included.

    Returns:
        The counts, summed in int64.

    Raises:
        tf.errors.InvalidArgumentError: a record does not keep to the schema.
    """
    features = {
        CLASS_PIXELS: tf.io.FixedLenFeature([channels], tf.int64),
        "filename": tf.io.FixedLenFeature([], tf.string),
    }
    batches = tf.data.TFRecordDataset(list(files)).batch(_BATCH).map(lambda batch: tf.io.parse_example(batch, features))
    images, total, without_foreground = 0, np.zeros(channels, np.int64), []
    for batch in batches.prefetch(1).as_numpy_iterator():
        pixels = batch[CLASS_PIXELS]  # int64 [batch, channels]
        images += len(pixels)
        total += pixels.sum(axis=0)
        empty = pixels[:, 1:].sum(axis=1) == 0
        without_foreground += [name.decode(errors="replace") for name in batch["filename"][empty]]
    return PixelCounts(images, tuple(total.tolist()), tuple(sorted(without_foreground)))
