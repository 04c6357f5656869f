"""Records → batches, streamed: memory does not grow with the number of records."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from components.segmentation_trainer.augmentation import random_horizontal_flip
from tfds_voc_seg.decoding import class_map_from_one_hot, parse_record

SHUFFLE_BUFFER = 1000  # serialized records: some 100 kB each at 300 pixels


def image_and_class_map(serialized: tf.Tensor, image_size: int, channels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a record for training.

    Args:
        serialized: string scalar, a `tf.train.Example` of the record contract.
        image_size: height and width, pixels.
        channels: the mask's number of channels.

    Returns:
        image uint8 [image_size, image_size, 3] and class map uint8 [image_size, image_size] with `VOID`.
    """
    image, mask = parse_record(serialized, image_size, channels)
    return image, class_map_from_one_hot(mask)


def training_batches(
    files: Sequence[str], image_size: int, channels: int, *, batch_size: int, horizontal_flip: bool, seed: int
) -> tf.data.Dataset:
    """Shuffled and augmented batches of one epoch; each pass over the dataset is another order and other flips.

    Args:
        files: the shards.
        image_size: height and width, pixels.
        channels: the mask's number of channels.
        batch_size: images a batch; the last batch may be smaller, no record is left out.
        horizontal_flip: whether to flip each image with probability 1/2.
        seed: of the order and the flips.

    Returns:
        A dataset of (uint8 [batch, image_size, image_size, 3], uint8 [batch, image_size, image_size]).
    """
    records = tf.data.TFRecordDataset(list(files)).shuffle(SHUFFLE_BUFFER, seed=seed, reshuffle_each_iteration=True)
    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2)

    def prepare(serialized: tf.Tensor, record_seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, classes = image_and_class_map(serialized, image_size, channels)
        if horizontal_flip:
            image, classes = random_horizontal_flip(image, classes, record_seed)
        return image, classes

    examples = tf.data.Dataset.zip(records, seeds).map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
    return _batches(examples, files, batch_size)


def evaluation_batches(files: Sequence[str], image_size: int, channels: int, *, batch_size: int) -> tf.data.Dataset:
    """Batches in the records' own order, unchanged. Arguments and result as `training_batches`."""
    examples = tf.data.TFRecordDataset(list(files)).map(
        lambda serialized: image_and_class_map(serialized, image_size, channels), num_parallel_calls=tf.data.AUTOTUNE
    )
    return _batches(examples, files, batch_size)


def _batches(examples: tf.data.Dataset, files: Sequence[str], batch_size: int) -> tf.data.Dataset:
    """Batches the examples and counts them, so that Keras knows when an epoch ends."""
    records = sum(1 for _ in tf.data.TFRecordDataset(list(files)))
    counted = tf.data.experimental.assert_cardinality(math.ceil(records / batch_size))
    return examples.batch(batch_size).apply(counted).prefetch(tf.data.AUTOTUNE)
