"""The features of a network's frozen part, computed once and kept on disk, and training batches made from them."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from components.locks import locked
from components.networks.pixel_stride import kept_pixels
from components.training.background_classes import learned_class_names
from components.training.feature_files import CLASSES, FeatureFiles, row_type
from components.training.input_pipeline import steps_per_epoch
from tfds_voc_seg.records.files import TRAIN_SPLIT, VAL_SPLIT
from tfds_voc_seg.storage import file_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from components.training.config import TrainingConfig
    from components.training.feature_files import Batch, FeatureRows
    from components.training.image_batches import ImageBatches

KEPT = 2
"""How many caches a folder keeps: the one in use and the latest other one."""

_EPOCH_SEED = 0x5EED
_GIGABYTE = 1e9


@dataclasses.dataclass(frozen=True)
class FeatureCache:
    """A folder of caches, each in a folder named after a hash of everything that its features depend on.

    Attributes:
        folder: on a local disk.
        code: a hash of the code of network and training.
        on_batch: called after each batch with the number of finished and of all batches and the size of the cache in
            bytes.
    """

    folder: Path
    code: str
    on_batch: Callable[[int, int, int], None]

    def complete(self, frozen: keras.Model, images: ImageBatches) -> CachedFeatures:
        """Computes the features that the cache lacks and opens it; removes caches that have not been used lately.

        Args:
            frozen: the frozen part, see `networks.frozen_part.split_network`.
            images: the batches whose features are needed.

        Raises:
            ValueError: the disk has too little space, or the features cannot be kept.
            OSError: a file cannot be written.
        """
        config = images.config
        place = self.folder / _digest(frozen, images, self.code)
        with locked(self.folder, "feature cache", wait=True):
            place.mkdir(parents=True, exist_ok=True)
            os.utime(place)
            self._remove_old_caches()
            versions = range(versions_per_image(config, images.train_images))
            numbers = {VAL_SPLIT: images.val_images, **{_train_sequence(v): images.train_images for v in versions}}
            class_map = kept_pixels(images.records.geometry.sides, config.pixel_stride)
            row = row_type(class_map, [tensor.shape[1:] for tensor in frozen.outputs])
            files = {
                name: FeatureFiles(place / name, row, config.batch_size, steps_per_epoch(number, config.batch_size))
                for name, number in numbers.items()
            }
            self._require_space(files)
            self._write(files, frozen, images)
        return CachedFeatures({name: sequence.open() for name, sequence in files.items()}, images)

    def _write(self, files: dict[str, FeatureFiles], frozen: keras.Model, images: ImageBatches) -> None:
        done, total = 0, sum(sequence.batches for sequence in files.values())
        size = sum(sequence.total_bytes for sequence in files.values())

        @tf.function
        def compute(batch: tf.Tensor) -> list[tf.Tensor]:
            features = frozen(tf.cast(batch, tf.float32), training=False)
            return [tf.cast(tensor, tf.float16) for tensor in tf.nest.flatten(features)]

        def batches(name: str, first: int) -> Iterator[Batch]:
            nonlocal done
            done += first
            for batch, classes in _image_batches(name, images).skip(first):
                features = [tensor.numpy() for tensor in compute(batch)]
                done += 1
                self.on_batch(done, total, size)
                yield classes.numpy(), features

        for name, sequence in files.items():
            if sequence.is_complete:
                done += sequence.batches
            else:
                sequence.write(functools.partial(batches, name))

    def _require_space(self, files: dict[str, FeatureFiles]) -> None:
        needed = sum(sequence.missing_bytes for sequence in files.values())
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise ValueError(
                f"training.cached_images: the features need {needed / _GIGABYTE:.1f} GB in {self.folder}, and "
                f"{free / _GIGABYTE:.1f} GB are free: lower it, or free disk space"
            )

    def _remove_old_caches(self) -> None:
        caches = [place for place in self.folder.iterdir() if place.is_dir()]
        for place in sorted(caches, key=lambda cache: cache.stat().st_mtime, reverse=True)[KEPT:]:
            shutil.rmtree(place)


class CachedFeatures:
    """Makes batches of features, in the order and with the augmentation of the batches of images.

    Args:
        rows: the name of a sequence of batches → its rows.
        images: the batches whose features these are.
    """

    def __init__(self, rows: dict[str, FeatureRows], images: ImageBatches):
        self._rows, self._images, self._config = rows, images, images.config

    def training(self, epochs: range) -> tf.data.Dataset:
        """Makes the training batches of consecutive epochs.

        As many epochs as there are versions of each image have the images in the order and the augmentation of
        `input_pipeline.training_batches`. Each later epoch has the augmentation of one of them, in an order of its own.

        Args:
            epochs: the epochs' numbers, from 0.

        Returns:
            A dataset of ((images, *features), class maps uint8 [batch, height, width] with the pixels that count). The
            images, uint8 [batch, height, width, 3], are black: the head reads only their size.
        """
        records = self._images.train_images
        versions = versions_per_image(self._config, records)

        def order(epoch: int) -> NDArray[np.int64]:
            numbers = np.arange(_padded(records, self._config.batch_size))
            if epoch >= versions:
                np.random.default_rng([_EPOCH_SEED, self._config.seed, epoch]).shuffle(numbers[:records])
            return numbers

        return self._batches([(_train_sequence(epoch % versions), order(epoch)) for epoch in epochs])

    def validation(self) -> tf.data.Dataset:
        """Makes the batches of the val split, without augmentation; the result is that of `training`."""
        numbers = np.arange(_padded(self._images.val_images, self._config.batch_size))
        return self._batches([(VAL_SPLIT, numbers)])

    def _batches(self, sequences: Sequence[tuple[str, NDArray[np.int64]]]) -> tf.data.Dataset:
        """Makes the batches of sequences of rows, one after the other."""
        sides, batch_size = self._images.records.geometry.sides, self._config.batch_size
        row = self._rows[VAL_SPLIT].row
        fields = [*(name for name in row.names or () if name != CLASSES), CLASSES]
        names = list(self._rows)

        def read(sequence: NDArray[np.int64], numbers: NDArray[np.int64]) -> list[NDArray[Any]]:
            rows = self._rows[names[int(sequence)]].read(numbers)
            return [rows[field] for field in fields]

        def inputs_and_classes(sequence: tf.Tensor, numbers: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
            # Not `Dataset.from_generator`, which sets malloc's trim threshold to 128 kB; see `components.allocator`.
            tensors = tf.numpy_function(read, [sequence, numbers], [row[field].base.name for field in fields])
            for field, tensor in zip(fields, tensors, strict=True):
                tensor.set_shape([batch_size, *row[field].shape])
            *features, classes = tensors
            images = tf.zeros([batch_size, *sides, 3], tf.uint8)
            return (images, *(tf.cast(tensor, tf.float32) for tensor in features)), classes

        numbers = np.concatenate([order.reshape(-1, batch_size) for _, order in sequences])
        of_batches = [names.index(name) for name, order in sequences for _ in range(len(order) // batch_size)]
        batches = tf.data.Dataset.from_tensor_slices((np.array(of_batches), numbers))
        batches = batches.map(inputs_and_classes, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return batches.prefetch(tf.data.AUTOTUNE)


def versions_per_image(config: TrainingConfig, records: int) -> int:
    """Computes how many augmented versions of each record are kept."""
    return min(max(1, (config.cached_images or 0) // records), config.epochs)


def _padded(records: int, batch_size: int) -> int:
    """Computes the number of records per epoch after the last batch is filled, see `input_pipeline`."""
    return steps_per_epoch(records, batch_size) * batch_size


def _train_sequence(version: int) -> str:
    return f"{TRAIN_SPLIT}-{version}"


def _image_batches(name: str, images: ImageBatches) -> tf.data.Dataset:
    """Makes the batches of images whose features a sequence holds."""
    if name == VAL_SPLIT:
        return images.validation()
    version = int(name.removeprefix(f"{TRAIN_SPLIT}-"))
    return images.training(range(version, version + 1))


def _digest(frozen: keras.Model, images: ImageBatches, code: str) -> str:
    """Hashes what the stored features and class maps depend on: the records, the frozen part, settings and code."""
    records, config = images.records, images.config
    layers = [
        (type(operation).__name__, operation.get_config())
        for operation in frozen.operations
        if isinstance(operation, keras.layers.Layer)
    ]
    settings = {
        "code": [code, tf.__version__, keras.__version__],
        "layers": layers,
        "training": config.model_dump(
            mode="json", include={"augmentation", "seed", "batch_size", "precision", "pixel_stride"}
        ),
        "classes": learned_class_names(records, config),
        "geometry": records.geometry,
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for weights in frozen.get_weights():
        digest.update(weights.tobytes())
    for split in (TRAIN_SPLIT, VAL_SPLIT):
        for file in records.files[split]:
            digest.update(bytes.fromhex(file_sha256(file)))
    return digest.hexdigest()[:16]
