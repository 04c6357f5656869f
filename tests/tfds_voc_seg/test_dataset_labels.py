"""The TFDS dataset has the classes of the devkit's label set, with their ids and colours."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.field_devkit import FIELD, write_field_devkit
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.label_set_files import LABELS_FILE, write_label_set
from tfds_voc_seg.records.encoding import PairEncoder
from tfds_voc_seg.records.features import channels_of
from tfds_voc_seg.voc_seg_config import VocSegConfig
from tfds_voc_seg.voc_seg_dataset_builder import Builder

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 32


@pytest.fixture
def fields(tmp_path: Path) -> Path:
    folder = tmp_path / "fields"
    write_field_devkit(folder)
    return folder


def test_names_ids_and_colours_are_stored_with_the_records(fields: Path, tmp_path: Path) -> None:
    config = VocSegConfig(devkit=fields, image_size=SIZE, classes=("weed", {"plant": ["crop"]}))
    builder = Builder(data_dir=tmp_path / "data", config=config)
    builder.download_and_prepare()
    restored = tfds.builder_from_directory(builder.data_dir)
    for info in (builder.info, restored.info):
        assert info.features["classes"].feature.names == ["soil", "weed", "plant"]
        assert channels_of(info) == config.record.channels
    assert channels_of(restored.info).ids == (4, 200, 9)
    encode = PairEncoder(config.record)
    expected = {encode(pair) for pair in read_splits(fields)["train"].pairs}
    files = sorted((tmp_path / "data").rglob("*train.tfrecord*"))
    assert {record for file in files for record in tfds.as_numpy(_records(file))} == expected
    for example in tfds.as_numpy(restored.as_dataset(split="train")):
        assert example["void_pixels"] == SIZE * SIZE - np.count_nonzero(example["segmentation_mask"].max(axis=-1)) > 0


def _records(file: Path) -> object:
    import tensorflow as tf

    return tf.data.TFRecordDataset(str(file))


def test_the_name_of_a_configuration_tells_label_sets_apart(fields: Path, tmp_path: Path) -> None:
    write_label_set(dataclasses.replace(FIELD, masks="color"), tmp_path)
    configs = [
        VocSegConfig(devkit=fields),
        VocSegConfig(labels=tmp_path / LABELS_FILE),
        VocSegConfig(labels=FIELD, classes=("weed",)),
        VocSegConfig(labels=FIELD, classes=({"weed": ["weed", "crop"]},)),
        VocSegConfig(classes=({"vehicle": ["bus", "car"]},)),
    ]
    assert configs[0].record.labels == FIELD
    assert len({config.name for config in configs}) == len(configs)
    assert configs[0].name.startswith("2_classes_")
    assert VocSegConfig(labels=VOC_LABELS, classes=("cat",), image_size=96).name == "cat_96"


def test_another_devkit_than_vocs_is_not_read_with_vocs_classes(fields: Path, tmp_path: Path) -> None:
    labels_file = (fields / LABELS_FILE).rename(tmp_path / LABELS_FILE)
    config = VocSegConfig("mine", devkit=fields, image_size=SIZE)
    labels_file.rename(fields / LABELS_FILE)
    with pytest.raises(DevkitError, match=r"describes the classes crop, soil, weed .* VocSegConfig\(labels="):
        Builder(data_dir=tmp_path / "data", config=config).download_and_prepare()
