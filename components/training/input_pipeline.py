"""Records → batches, streamed: memory does not grow with the number of records."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf

from components.training.augmentation import augment
from components.training.augmentation_config import AugmentationConfig
from tfds_voc_seg.labels import VOID

SHUFFLE_BUFFER = 256
"""Serialized records, some 100 kB each at 300 pixels; the shards' own order is shuffled besides."""


Decoder = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""A serialized record → image uint8 [size, size, 3] and class map uint8 [size, size] with `VOID`."""


_SHARDS_AT_ONCE = 4


_EPOCH_STRIDE = 1_000_003  # a prime: keeps the seeds of neighbouring trainings and epochs apart


@dataclasses.dataclass(frozen=True)
class Share:
    """One worker's part of every global batch.

    Attributes:
        index: of the worker, from 0.
        workers: how many there are.
        replicas: devices of all workers together.
    """

    index: int = 0
    workers: int = 1
    replicas: int = 1


def count_records(files: Sequence[str]) -> int:
    """Counts the records of shards by reading them; nothing is decoded."""
    return int(tf.data.TFRecordDataset(list(files)).reduce(0, lambda count, _: count + 1))


def training_batches(
    files: Sequence[str],
    decode: Decoder,
    *,
    batch_size: int,
    augmentation: AugmentationConfig,
    seed: int,
    epochs: range,
    records: int,
    share: Share | None = None,
) -> tf.data.Dataset:
    """Shuffled and augmented batches of several epochs in a row.

    Order and augmentation follow from the seed and the epoch's number alone, so that a training can go on at any epoch
    as if it had never stopped. Every record is seen once an epoch. Where the last batch of an epoch is short, it is
    filled with records of the same epoch whose pixels are all void: batches keep one shape, and void counts nowhere.

    Args:
        files: the shards.
        decode: what is read of a record: `image_and_class_map` of the records' size and channels, for example.
        batch_size: images a step, of all workers and replicas together.
        augmentation: what is done to each image.
        seed: of the order and the augmentation.
        epochs: the epochs' numbers, from 0.
        records: how many the shards hold, as `count_records` gives it.
        share: this worker's part; all of it by default.

    Returns:
        A dataset of (uint8 [batch, size, size, 3], uint8 [batch, size, size]), where batch is what one replica takes.
    """
    share = share or Share()
    padded = _padded(records, batch_size)

    def numbered_records(epoch: tf.Tensor) -> tf.data.Dataset:
        epoch_seed = seed * _EPOCH_STRIDE + epoch
        order = _shuffled(tf.data.Dataset.from_tensor_slices(list(files)), len(files), epoch_seed)
        order = order.interleave(tf.data.TFRecordDataset, cycle_length=min(_SHARDS_AT_ONCE, len(files)))
        order = _shuffled(order, SHUFFLE_BUFFER, epoch_seed)
        numbered = order.repeat().take(padded).enumerate().shard(share.workers, share.index)
        return numbered.map(lambda number, serialized: (epoch_seed, number, serialized))

    def prepare(epoch_seed: tf.Tensor, number: tf.Tensor, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, classes = decode(serialized)
        image, classes = augment(image, classes, tf.stack([epoch_seed, number]), augmentation)
        return image, _void_beyond(classes, number, records)

    numbered = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(numbered_records)
    prepared = numbered.map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return prepared.batch(batch_size // share.replicas, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def evaluation_batches(
    files: Sequence[str],
    decode: Decoder,
    *,
    batch_size: int,
    records: int,
    share: Share | None = None,
) -> tf.data.Dataset:
    """Batches of one epoch in the records' own order, unchanged. Arguments and result as `training_batches`."""
    share = share or Share()
    order = tf.data.TFRecordDataset(list(files)).repeat().take(_padded(records, batch_size)).enumerate()

    def prepare(number: tf.Tensor, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, classes = decode(serialized)
        return image, _void_beyond(classes, number, records)

    prepared = order.shard(share.workers, share.index).map(
        prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    return prepared.batch(batch_size // share.replicas, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def steps_of(records: int, batch_size: int) -> int:
    """Steps of an epoch; the last one may be filled up."""
    return -(-records // batch_size)


def _shuffled(dataset: tf.data.Dataset, buffer_size: int, seed: tf.Tensor) -> tf.data.Dataset:
    """`Dataset.shuffle` with a seed that is a tensor, which its Python wrapper refuses inside `flat_map`."""
    variant = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(dataset),
        buffer_size=buffer_size,
        seed=seed,
        seed2=1,  # with two zeros the order would be another each time
        output_types=[dataset.element_spec.dtype],
        output_shapes=[dataset.element_spec.shape],
        reshuffle_each_iteration=False,
    )
    return tf.data.experimental.from_variant(variant, dataset.element_spec)


def _padded(records: int, batch_size: int) -> int:
    return steps_of(records, batch_size) * batch_size


def _void_beyond(classes: tf.Tensor, number: tf.Tensor, records: int) -> tf.Tensor:
    return tf.where(number < records, classes, tf.constant(VOID, tf.uint8))
