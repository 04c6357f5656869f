"""VocExampleGen's executor on the drawn devkit: splits, features, invalid devkits and progress."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from components.artifacts.records import read_records
from components.progress import Progress, listening
from components.voc_example_gen import executor
from components.voc_example_gen.component import VocExampleGen
from tests.conftest import CLASSES, IMAGE_SIZE, TRAIN_IMAGES, VAL_IMAGES
from tests.split_lists import move_to_test_split
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.decoding import parse_origin

Convert = Callable[..., Any]


@pytest.fixture
def convert(tmp_path: Path, make_artifact: Callable[..., Any]) -> Convert:
    numbers = itertools.count()

    def run(devkit: Path, config: RecordConfig, **settings: Any) -> Any:
        artifact = make_artifact("Examples", tmp_path / f"output{next(numbers)}")
        component = VocExampleGen(str(devkit), config, **settings)
        executor.Executor().Do({}, {"examples": [artifact]}, component.exec_properties)
        return artifact

    return run


def test_the_artifact_contains_vocs_own_splits(examples: Any, devkit: Path) -> None:
    assert json.loads(examples.split_names) == ["train", "val"]
    records = read_records(examples)
    assert (records.image_size, records.class_names) == (IMAGE_SIZE, ("background", *CLASSES))
    for split, count in (("train", TRAIN_IMAGES), ("val", VAL_IMAGES)):
        assert len(records.files[split]) == 2
        listed = (devkit / f"ImageSets/Segmentation/{split}.txt").read_text().split()
        features = tfds.features.FeaturesDict.from_config(
            examples.uri
        )  # TFDS can read the records without this project
        names = [
            features.deserialize_example(record)["filename"].numpy().decode()
            for record in tf.data.TFRecordDataset(records.files[split])
        ]
        assert len(names) == count
        assert sorted(names) == sorted(listed)


def test_a_test_list_with_masks_becomes_a_third_split(own_devkit: Path, convert: Convert) -> None:
    before = read_records(convert(own_devkit, RecordConfig(IMAGE_SIZE, CLASSES)))
    assert (list(before.files), before.evaluation_split) == (["train", "val"], "val")
    val_bytes = [Path(file).read_bytes() for file in before.files["val"]]
    moved = move_to_test_split(own_devkit, 2)
    records = read_records(convert(own_devkit, RecordConfig(IMAGE_SIZE, CLASSES)))
    assert (list(records.files), records.evaluation_split) == (["train", "val", "test"], "test")
    names = [parse_origin(record)[0].numpy().decode() for record in tf.data.TFRecordDataset(records.files["test"])]
    assert sorted(names) == sorted(moved)
    assert [Path(file).read_bytes() for file in records.files["val"]] == val_bytes


def test_images_without_the_classes_can_be_excluded(devkit: Path, convert: Convert) -> None:
    artifact = convert(devkit, RecordConfig(IMAGE_SIZE, ("car",), drop_empty=True))
    records = read_records(artifact)
    features = tfds.features.FeaturesDict.from_config(artifact.uri)
    kept = [
        features.deserialize_example(record)["filename"].numpy().decode()
        for record in tf.data.TFRecordDataset(records.files["train"])
    ]
    with_cars = [
        image_id
        for image_id in (devkit / "ImageSets/Segmentation/train.txt").read_text().split()
        if "<name>car</name>" in (devkit / f"Annotations/{image_id}.xml").read_text()
    ]
    assert 0 < len(kept) < TRAIN_IMAGES
    assert sorted(kept) == sorted(with_cars)


def test_a_split_without_any_image_of_the_classes_is_an_error(devkit: Path, convert: Convert) -> None:
    with pytest.raises(DevkitError, match=r"no image of split 'train' contains any of the classes"):
        convert(devkit, RecordConfig(IMAGE_SIZE, ("sheep",), drop_empty=True))


def test_a_folder_that_is_not_a_devkit_is_an_error(tmp_path: Path, convert: Convert) -> None:
    with pytest.raises(DevkitError, match="is not a VOC devkit"):
        convert(tmp_path, RecordConfig(IMAGE_SIZE, CLASSES))


def test_progress_reaches_the_number_of_pairs(devkit: Path, convert: Convert) -> None:
    reports: list[Progress] = []
    with listening(reports.append):
        convert(devkit, RecordConfig(IMAGE_SIZE, CLASSES))
    assert (reports[-1].done, reports[-1].total) == (TRAIN_IMAGES + VAL_IMAGES,) * 2
    assert [report.done for report in reports] == sorted(report.done for report in reports)


def test_sbd_masks_enlarge_the_train_split_if_configured(own_devkit: Path, convert: Convert) -> None:
    lists, config = own_devkit / "ImageSets/Segmentation", RecordConfig(IMAGE_SIZE, CLASSES)
    train, val = ((lists / f"{split}.txt").read_text().split() for split in ("train", "val"))
    more = "2008_000001"
    shutil.copytree(own_devkit / "SegmentationClass", own_devkit / "SegmentationClassAug")
    shutil.copy(own_devkit / f"JPEGImages/{train[0]}.jpg", own_devkit / f"JPEGImages/{more}.jpg")
    shutil.copy(own_devkit / f"SegmentationClass/{train[0]}.png", own_devkit / f"SegmentationClassAug/{more}.png")

    with pytest.raises(DevkitError, match=r"no masks of the Semantic Boundaries Dataset: .* data\.train_masks to voc"):
        convert(own_devkit, config, train_masks="sbd")
    assert sum(count_per_shard(convert(own_devkit, config, train_masks="sbd_if_present"), "train")) == len(train)
    (lists / "train_aug.txt").write_text("\n".join([*train, more, val[0]]))
    assert sum(count_per_shard(convert(own_devkit, config), "train")) == len(train)
    for train_masks in ("sbd", "sbd_if_present"):
        enlarged = convert(own_devkit, config, train_masks=train_masks)
        assert json.loads(enlarged.split_names) == ["train", "val"]
        assert sum(count_per_shard(enlarged, "train")) == len(train) + 1  # validation images are excluded
        assert sum(count_per_shard(enlarged, "val")) == len(val)


def count_per_shard(artifact: Any, split: str) -> list[int]:
    return [len(list(tf.data.TFRecordDataset(file))) for file in read_records(artifact).files[split]]
