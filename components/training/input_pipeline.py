"""Streams records as batches; memory use does not grow with the number of records."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from components.networks.pixel_stride import first_pixel
from components.training.augmentation import augment
from components.training.cropping import covering_windows
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.tracing import without_autograph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.training.augmentation_config import AugmentationConfig
    from components.training.cropping import RandomCrop

SHUFFLE_BUFFER = 256
"""The number of serialized records in the shuffle buffer, about 100 kB each at 300 pixels. The order of the shards is
shuffled as well."""

Decoder = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""A serialized record → image uint8 [height, width, 3] and class map uint8 [height, width] with `VOID`."""

_SHARDS_AT_ONCE = 4
_EPOCH_STRIDE = 1_000_003  # a prime, so that the seeds of different trainings and epochs differ


def count_records(files: Sequence[str]) -> int:
    """Counts the records of shards by reading them, without decoding."""
    return int(tf.data.TFRecordDataset(list(files)).reduce(0, lambda count, _: count + 1))


@without_autograph
def training_batches(
    files: Sequence[str],
    decode: Decoder,
    *,
    batch_size: int,
    augmentation: AugmentationConfig,
    seed: int,
    epochs: range,
    records: int,
    crop: RandomCrop | None = None,
    context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Makes shuffled and augmented batches of several consecutive epochs.

    Order and augmentation depend only on the seed and the epoch's number, so that a resumed training sees the same
    batches as an uninterrupted one. Every epoch contains each record once. If the last batch of an epoch is short, it
    is filled with records of the same epoch in which every pixel is set to void: all batches have the same shape, and
    neither loss nor metrics count void.

    Args:
        files: the shards.
        decode: decodes a record, for example `image_and_class_map` with the records' size and channels.
        batch_size: images per step, over all workers and replicas.
        augmentation: the augmentation of each image.
        seed: seed of the order and the augmentation.
        epochs: the epochs' numbers, from 0.
        records: the number of records in the shards, see `count_records`.
        crop: crops each image before the augmentation; by default the images already have the network's size.
        context: which part of each batch this worker reads; all of it by default.

    Returns:
        A dataset of (uint8 [batch, size, size, 3], uint8 [batch, size, size]), where batch is the batch size
        of one replica.
    """
    context = context or tf.distribute.InputContext()
    padded = _padded_size(records, batch_size)

    def numbered_records(epoch: tf.Tensor) -> tf.data.Dataset:
        epoch_seed = seed * _EPOCH_STRIDE + epoch
        order = _shuffled(tf.data.Dataset.from_tensor_slices(list(files)), len(files), epoch_seed)
        order = order.interleave(tf.data.TFRecordDataset, cycle_length=min(_SHARDS_AT_ONCE, len(files)))
        order = _shuffled(order, SHUFFLE_BUFFER, epoch_seed)
        numbered = order.repeat().take(padded).enumerate()
        numbered = numbered.shard(context.num_input_pipelines, context.input_pipeline_id)
        return numbered.map(lambda number, serialized: (epoch_seed, number, serialized))

    def prepare(epoch_seed: tf.Tensor, number: tf.Tensor, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, classes = decode(serialized)
        image_seed = tf.stack([epoch_seed, number])
        if crop is not None:
            image, classes = crop(image, classes, image_seed)
        image, classes = augment(image, classes, image_seed, augmentation)
        return image, _void_after_last(classes, number, records)

    numbered = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(numbered_records)
    prepared = numbered.map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return _batched(prepared, batch_size, context)


@without_autograph
def evaluation_batches(
    files: Sequence[str],
    decode: Decoder,
    *,
    batch_size: int,
    records: int,
    windows: tuple[int, int] | None = None,
    context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Makes the batches of one epoch in the order of the records, without augmentation.

    With `windows`, height and width, each image is cut into windows of this size, see `covering_windows`, and `records`
    is the number of windows. The other arguments and the result are those of `training_batches`.
    """
    context = context or tf.distribute.InputContext()
    order = tf.data.TFRecordDataset(list(files))
    if windows is not None:
        order = order.map(lambda record: covering_windows(*decode(record), windows), tf.data.AUTOTUNE).unbatch()

    def prepare(number: tf.Tensor, record: Any) -> tuple[tf.Tensor, tf.Tensor]:
        image, classes = decode(record) if windows is None else record
        return image, _void_after_last(classes, number, records)

    order = order.repeat().take(_padded_size(records, batch_size)).enumerate()
    numbered = order.shard(context.num_input_pipelines, context.input_pipeline_id)
    prepared = numbered.map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return _batched(prepared, batch_size, context)


@without_autograph
def every_nth_pixel(batches: tf.data.Dataset, pixel_stride: int) -> tf.data.Dataset:
    """Keeps only the pixels of the class maps at which `networks.pixel_stride.with_pixel_stride` computes scores."""
    if pixel_stride == 1:
        return batches
    kept = slice(first_pixel(pixel_stride), None, pixel_stride)
    return batches.map(lambda images, classes: (images, classes[:, kept, kept]), num_parallel_calls=tf.data.AUTOTUNE)


def steps_per_epoch(records: int, batch_size: int) -> int:
    """Computes the number of steps per epoch, a short last batch included."""
    return -(-records // batch_size)


def _shuffled(dataset: tf.data.Dataset, buffer_size: int, seed: tf.Tensor) -> tf.data.Dataset:
    """Shuffles like `Dataset.shuffle`, whose Python wrapper rejects a seed that is a tensor inside `flat_map`."""
    variant = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(dataset),
        buffer_size=buffer_size,
        seed=seed,
        seed2=1,  # two zeros would mean a random seed
        output_types=[dataset.element_spec.dtype],
        output_shapes=[dataset.element_spec.shape],
        reshuffle_each_iteration=False,
    )
    return tf.data.experimental.from_variant(variant, dataset.element_spec)


def _batched(prepared: tf.data.Dataset, batch_size: int, context: tf.distribute.InputContext) -> tf.data.Dataset:
    batches = prepared.batch(context.get_per_replica_batch_size(batch_size), drop_remainder=True)
    return batches.prefetch(tf.data.AUTOTUNE)


def _padded_size(records: int, batch_size: int) -> int:
    """Computes the number of records per epoch after the last batch is filled."""
    return steps_per_epoch(records, batch_size) * batch_size


def _void_after_last(classes: tf.Tensor, number: tf.Tensor, records: int) -> tf.Tensor:
    """Sets the class map to void if the record only fills the last batch."""
    return tf.where(number < records, classes, tf.constant(VOID, tf.uint8))
