"""The input pipeline: each epoch contains every record once, in an order that depends on the seed and the epoch."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf

from components.training.augmentation_config import AugmentationConfig
from components.training.background_classes import learned_class_pixels, make_decoder
from components.training.config import TrainingConfig
from components.training.cropping import RandomCrop, count_windows
from components.training.input_pipeline import count_records, evaluation_batches, steps_per_epoch, training_batches
from tests.components.training.conftest import write_records
from tests.conftest import CLASSES, IMAGE_SIZE, TRAIN_IMAGES
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.decoding import image_and_class_map

if TYPE_CHECKING:
    from pathlib import Path

    from tfds_voc_seg.records.files import Records

DECODE = functools.partial(image_and_class_map, image_size=IMAGE_SIZE, channels=len(CLASSES) + 1)
BATCH = 4


@pytest.fixture
def files(records: Records) -> list[str]:
    return records.files["train"]


def as_bytes(batches: Any) -> list[bytes]:
    """Each image and class map in order, without those that only fill a batch."""
    return [
        image.tobytes() + classes.tobytes()
        for images, class_maps in batches.as_numpy_iterator()
        for image, classes in zip(images, class_maps, strict=True)
        if (classes != VOID).any()
    ]


def batches(files: list[str], epochs: range, **settings: Any) -> Any:
    options: dict[str, Any] = {
        "batch_size": BATCH,
        "augmentation": AugmentationConfig(scale=(0.5, 2.0), brightness=0.3),
        "seed": 0,
        "records": TRAIN_IMAGES,
        **settings,
    }
    return training_batches(files, DECODE, epochs=epochs, **options)


def unchanged(files: list[str]) -> list[bytes]:
    return as_bytes(evaluation_batches(files, DECODE, batch_size=3, records=TRAIN_IMAGES))


def test_every_epoch_contains_each_record_once(files: list[str]) -> None:
    assert count_records(files) == TRAIN_IMAGES
    plain = batches(files, range(1), augmentation=AugmentationConfig(horizontal_flip=False))
    found = as_bytes(plain)
    assert len(found) == TRAIN_IMAGES  # including the last batch, which is filled up
    assert sorted(found) == sorted(unchanged(files)) != found
    assert [len(images) for images, _ in plain] == [BATCH] * steps_per_epoch(TRAIN_IMAGES, BATCH)


def test_an_epoch_depends_on_its_number_and_the_seed(files: list[str]) -> None:
    whole = as_bytes(batches(files, range(3)))
    first, second, third = (whole[start : start + TRAIN_IMAGES] for start in range(0, 3 * TRAIN_IMAGES, TRAIN_IMAGES))
    assert first != second != third
    assert as_bytes(batches(files, range(1, 3))) == second + third  # as after a resumption
    assert as_bytes(batches(files, range(1), seed=1)) != first


def test_every_batch_is_split_over_the_workers(files: list[str]) -> None:
    alone = [set(as_bytes_of(batch)) for batch in batches(files, range(2)).as_numpy_iterator()]
    halves = [
        [set(as_bytes_of(batch)) for batch in batches(files, range(2), context=context).as_numpy_iterator()]
        for context in (tf.distribute.InputContext(2, index, 2) for index in range(2))
    ]
    assert [one | other for one, other in zip(*halves, strict=True)] == alone
    assert all(not one & other for one, other in itertools.islice(zip(*halves, strict=True), 2))


def as_bytes_of(batch: Any) -> list[bytes]:
    return [image.tobytes() + classes.tobytes() for image, classes in zip(*batch, strict=True)]


def test_larger_images_are_cropped_for_training_and_validated_in_windows(devkit: Path, tmp_path: Path) -> None:
    config = RecordConfig((24, 20), ("person",), resize="crop", short_side=30, background_classes=True)
    records = write_records(devkit, config, tmp_path)
    training = TrainingConfig(learn_background_classes=True)
    decode, pixels = make_decoder(records, training), learned_class_pixels(records, training)
    files = records.files["train"]
    crop = RandomCrop(records.geometry.sides, pixels, 0.5)
    for images, classes in training_batches(
        files,
        decode,
        batch_size=BATCH,
        augmentation=training.augmentation,
        seed=0,
        epochs=range(2),
        records=TRAIN_IMAGES,
        crop=crop,
    ):
        assert (images.shape, classes.shape) == ((BATCH, 24, 20, 3), (BATCH, 24, 20))

    windows = count_windows(files, records.geometry)
    assert windows > TRAIN_IMAGES
    counted, seen = np.zeros(VOID + 1, int), 0
    for _, classes in evaluation_batches(files, decode, batch_size=5, records=windows, windows=crop.sides):
        counted += np.bincount(classes.numpy().ravel(), minlength=VOID + 1)
        seen += len(classes)
    assert counted[: len(pixels)].tolist() == pixels  # every pixel once, in whatever number of windows it is
    assert seen == 5 * steps_per_epoch(windows, 5)
