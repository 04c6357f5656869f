from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.segmentation_trainer.augmentation import random_horizontal_flip
from components.segmentation_trainer.input_pipeline import evaluation_batches, training_batches
from tests.conftest import CLASSES, IMAGE_SIZE, TRAIN_IMAGES

CHANNELS = len(CLASSES) + 1


@pytest.fixture(scope="module")
def files(examples: Any) -> list[str]:
    from components.record_artifacts import read_records

    return read_records(examples).files["train"]


def epochs(files: list[str], count: int, **settings: Any) -> list[list[bytes]]:
    """Each epoch's images and masks, as bytes, in the order they came."""
    options = {"batch_size": 4, "horizontal_flip": True, "seed": 0, **settings}
    batches = training_batches(files, IMAGE_SIZE, CHANNELS, **options)
    return [
        [
            image.numpy().tobytes() + mask.numpy().tobytes()
            for images, masks in batches
            for image, mask in zip(images, masks, strict=True)
        ]
        for _ in range(count)
    ]


def test_every_record_is_seen_once_an_epoch(files: list[str]) -> None:
    (seen,) = epochs(files, 1, horizontal_flip=False)
    stored = [
        image.numpy().tobytes() + mask.numpy().tobytes()
        for images, masks in evaluation_batches(files, IMAGE_SIZE, CHANNELS, batch_size=3)
        for image, mask in zip(images, masks, strict=True)
    ]
    assert len(seen) == TRAIN_IMAGES  # the last, smaller batch too
    assert sorted(seen) == sorted(stored)


def test_epochs_differ_and_a_seed_repeats_them(files: list[str]) -> None:
    first = epochs(files, 2)
    assert first[0] != first[1]
    assert first == epochs(files, 2)
    assert first != epochs(files, 2, seed=1)


def test_a_flip_moves_photo_and_mask_together() -> None:
    image = tf.reshape(tf.range(24, dtype=tf.int32), [2, 4, 3])
    classes = tf.reshape(tf.range(8, dtype=tf.int32), [2, 4])
    flipped = 0
    for seed in range(40):
        new_image, new_classes = random_horizontal_flip(image, classes, tf.constant([seed, 1]))
        if np.array_equal(new_classes, classes):
            np.testing.assert_array_equal(new_image, image)
        else:
            flipped += 1
            np.testing.assert_array_equal(new_image, image[:, ::-1])
            np.testing.assert_array_equal(new_classes, classes[:, ::-1])
    assert 8 < flipped < 32
