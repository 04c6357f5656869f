"""Records for tests of the training, written without TFX, and a process with two devices."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
from typing import TYPE_CHECKING

import pytest
import tensorflow as tf

from tests.components.training.training_process import split_cpu
from tests.conftest import CLASSES, IMAGE_SIZE
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.encoding import PairEncoder
from tfds_voc_seg.records.files import TRAIN_SPLIT, VAL_SPLIT, Records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHARDS = 2


def write_records(devkit: Path, config: RecordConfig, folder: Path) -> Records:
    """Writes the train and val split of a devkit as records, in several shards per split."""
    encode, splits = PairEncoder(config), read_splits(devkit)
    files = {split: [f"{folder}/{split}-{shard}" for shard in range(SHARDS)] for split in (TRAIN_SPLIT, VAL_SPLIT)}
    for split, shards in files.items():
        for shard, file in enumerate(shards):
            with tf.io.TFRecordWriter(file) as writer:
                for pair in splits[split].pairs[shard::SHARDS]:
                    writer.write(encode(pair))
    assert config.image_size is not None
    background_classes = config.background_classes
    return Records(files, config.class_names, config.image_size, background_classes=background_classes, config=config)


@pytest.fixture(scope="session")
def records(devkit: Path, tmp_path_factory: pytest.TempPathFactory) -> Records:
    """The records of the sample devkit."""
    return write_records(devkit, RecordConfig(IMAGE_SIZE, CLASSES), tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="session")
def background_records(devkit: Path, tmp_path_factory: pytest.TempPathFactory) -> Records:
    """Records of persons that store the classes of their background."""
    config = RecordConfig(IMAGE_SIZE, ("person",), background_classes=True)
    return write_records(devkit, config, tmp_path_factory.mktemp("background_records"))


@pytest.fixture(scope="session")
def two_devices() -> Iterator[concurrent.futures.Executor]:
    """A process of its own, because a CPU can be split into two devices only before TensorFlow starts."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context, initializer=split_cpu, initargs=(2,)) as process:
        yield process
