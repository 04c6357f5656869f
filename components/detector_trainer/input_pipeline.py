"""Reads records with boxes as batches for SSD."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from components.detector_trainer.augmentation import augment_with_boxes
from components.detector_trainer.average_precision import Objects
from components.detector_trainer.matching import targets
from components.training.input_pipeline import SHUFFLE_BUFFER
from tfds_voc_seg.records.decoding import parse_image, parse_objects
from tfds_voc_seg.tracing import without_autograph

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from components.detector_trainer.detector_config import DetectorConfig


@without_autograph
def training_batches(
    files: Sequence[str], image_size: int, defaults: NDArray[np.float32], config: DetectorConfig, *, skip: int
) -> tf.data.Dataset:
    """Returns an infinite dataset of shuffled and augmented batches; the same seed gives the same batches.

    Args:
        files: the shards.
        image_size: height and width in pixels.
        defaults: float32 [boxes, 4], the network's default boxes.
        config: batch size, augmentation and seed.
        skip: number of images to skip, because the training has already used them before it was resumed.

    Returns:
        A dataset of (uint8 [batch, image_size, image_size, 3], float32 [batch, boxes, 5] as from `matching.targets`).
    """

    def prepare(number: tf.Tensor, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        boxes, labels, _ = parse_objects(serialized)  # including difficult objects, as SSD's authors do
        seed = tf.stack([tf.constant(config.seed, tf.int64), number])
        image, boxes, labels = augment_with_boxes(
            parse_image(serialized, image_size), boxes, labels, seed, config.augmentation
        )
        return image, tf.ensure_shape(targets(boxes, labels, defaults), [len(defaults), 5])

    records = tf.data.TFRecordDataset(list(files)).shuffle(SHUFFLE_BUFFER, seed=config.seed + 1)
    numbered = records.repeat().enumerate().skip(skip)
    prepared = numbered.map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return prepared.batch(config.batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


@without_autograph
def image_batches(files: Sequence[str], image_size: int, batch_size: int) -> tf.data.Dataset:
    """Returns the images in the order of the records: a dataset of uint8 [up to batch, image_size, image_size, 3]."""
    images = tf.data.TFRecordDataset(list(files)).map(
        lambda serialized: parse_image(serialized, image_size), num_parallel_calls=tf.data.AUTOTUNE
    )
    return images.batch(batch_size).prefetch(tf.data.AUTOTUNE)


@without_autograph
def read_objects(files: Sequence[str]) -> list[Objects]:
    """Reads the objects of all images, in the order of the records."""
    dataset = tf.data.TFRecordDataset(list(files)).map(parse_objects)
    return [Objects(*arrays) for arrays in dataset.as_numpy_iterator()]
