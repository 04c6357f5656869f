"""Counts the pixels of each class in records."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfds_voc_seg.tracing import without_autograph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tfds_voc_seg.label_set import LabelSet

CLASS_PIXELS = "class_pixels"
"""The feature of a record with its number of pixels per class."""

VOID_PIXELS = "void_pixels"
"""The feature of a record with its number of void pixels."""

_BATCH = 256  # records


@dataclasses.dataclass(frozen=True)
class PixelCounts:
    """The number of pixels of each class in a split.

    Attributes:
        images: number of records.
        class_pixels: number of pixels of each class over all records; void pixels are not counted.
        without_foreground: the ids of the images whose masks contain only background and void.
        void_pixels: number of void pixels over all records.
    """

    images: int
    class_pixels: tuple[int, ...]
    without_foreground: tuple[str, ...]
    void_pixels: int = 0

    @property
    def void_share(self) -> float:
        """The share of void in all pixels, 0 to 1; 0 if there is no pixel."""
        pixels = sum(self.class_pixels) + self.void_pixels
        return self.void_pixels / pixels if pixels else 0.0


@without_autograph
def count_pixels(files: Sequence[str], channels: LabelSet) -> PixelCounts:
    """Counts the pixels of each class in a split.

    TFDV's statistics do not contain these sums: TFDV pools the values of `class_pixels` over all classes, and TFX
    cannot pass it custom generators or slicing functions. Nor can a schema require that a mask contains more than
    background. This function therefore reads all records once; it parses three small features and decodes neither image
    nor mask.

    Args:
        files: the shards of the split; their records conform to the curated schema.
        channels: the channels of the masks.

    Returns:
        The counts, summed as int64.

    Raises:
        tf.errors.InvalidArgumentError: a record does not conform to the schema.
    """
    features = {
        CLASS_PIXELS: tf.io.FixedLenFeature([len(channels.names)], tf.int64),
        VOID_PIXELS: tf.io.FixedLenFeature([], tf.int64),
        "filename": tf.io.FixedLenFeature([], tf.string),
    }
    batches = tf.data.TFRecordDataset(list(files)).batch(_BATCH).map(lambda batch: tf.io.parse_example(batch, features))
    foreground = [name != channels.background for name in channels.names]
    images, void, total, without_foreground = 0, 0, np.zeros(len(channels.names), np.int64), []
    for batch in batches.prefetch(1).as_numpy_iterator():
        pixels = batch[CLASS_PIXELS]  # int64 [batch, channels]
        images += len(pixels)
        total += pixels.sum(axis=0)
        void += int(batch[VOID_PIXELS].sum())
        empty = pixels[:, foreground].sum(axis=1) == 0
        without_foreground += [name.decode(errors="replace") for name in batch["filename"][empty]]
    return PixelCounts(images, tuple(total.tolist()), tuple(sorted(without_foreground)), void)
