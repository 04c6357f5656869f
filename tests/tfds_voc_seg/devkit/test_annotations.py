"""Boxes are read from the annotations, written to records and decoded again."""

from __future__ import annotations

import hashlib
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from tests.conftest import CLASSES
from tfds_voc_seg.devkit.annotations import OBJECT_KEYS, read_objects
from tfds_voc_seg.devkit.fingerprint import fingerprint
from tfds_voc_seg.devkit.folders import Pair, PairError
from tfds_voc_seg.devkit.image_files import ImageFiles
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.decoding import parse_objects
from tfds_voc_seg.records.encoding import PairEncoder
from tfds_voc_seg.records.features import record_features
from tfds_voc_seg.records.files import REJECTS_FILE
from tfds_voc_seg.voc_seg_dataset_builder import VocSegConfig

OBJECT = """<object><name>{name}</name>{marks}<bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax>
<ymax>{ymax}</ymax></bndbox><part><name>head</name></part></object>"""


def annotated(folder: Path, *objects: dict[str, Any]) -> Pair:
    """Returns a pair whose annotation contains the objects; its photo and mask do not exist."""
    pair = ImageFiles(folder).pair("one")
    Path(pair.annotation).parent.mkdir(parents=True, exist_ok=True)
    texts = [
        OBJECT.format(**{"name": "dog", "marks": "", "xmin": 1, "ymin": 1, "xmax": 9, "ymax": 9, **o}) for o in objects
    ]
    Path(pair.annotation).write_text(f"<annotation>{''.join(texts)}</annotation>")
    return pair


def test_boxes_are_one_based_and_include_their_last_pixels(tmp_path: Path) -> None:
    pair = annotated(tmp_path, {"xmin": 11, "ymin": 6, "xmax": 20, "ymax": 10}, {"xmin": 0, "ymin": "1.5", "xmax": 21})
    objects = read_objects(pair, RecordConfig(classes=("dog",)), height=10, width=20)
    np.testing.assert_allclose(objects["bbox"], [[0.5, 0.5, 1.0, 1.0], [0.05, 0.0, 0.9, 1.0]])


def test_classes_and_flags(tmp_path: Path) -> None:
    marks = "<truncated>1</truncated><difficult>0</difficult>"
    pair = annotated(
        tmp_path, {"name": "cat"}, {"name": "person"}, {"marks": marks}, {"marks": "<difficult>1</difficult>"}
    )
    objects = read_objects(pair, RecordConfig(classes=("person", "dog")), 10, 10)
    assert tuple(objects) == OBJECT_KEYS
    assert objects["label"].tolist() == [1, 2, 2]
    assert objects["difficult"].tolist() == [False, False, True]
    assert objects["truncated"].tolist() == [False, True, False]


def test_no_object_of_the_classes(tmp_path: Path) -> None:
    objects = read_objects(annotated(tmp_path, {"name": "cat"}), RecordConfig(classes=("dog",)), 10, 10)
    assert [values.shape for values in objects.values()] == [(0, 4), (0,), (0,), (0,)]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"name": "unicorn"}, "contains the class 'unicorn'"),
        ({"xmax": 0}, "has no area in the photo of 10×10"),
        ({"xmin": "left"}, "has no area"),
        ({"ymin": "nan"}, "has no area"),
    ],
)
def test_invalid_annotations_are_reported(tmp_path: Path, wrong: dict[str, Any], what: str) -> None:
    with pytest.raises(PairError, match=what):
        read_objects(annotated(tmp_path, wrong), RecordConfig(classes=("dog",)), 10, 10)


def test_invalid_xml_is_reported(tmp_path: Path) -> None:
    pair = annotated(tmp_path)
    Path(pair.annotation).write_text("<annotation>")
    with pytest.raises(PairError, match=r"one\.xml cannot be read as XML"):
        read_objects(pair, RecordConfig(classes=("dog",)), 10, 10)


def test_tfds_and_our_decoder_decode_records_with_boxes(devkit: Path) -> None:
    config = RecordConfig(32, CLASSES, boxes=True)
    encode, features = PairEncoder(config), record_features(config)
    for pair in read_splits(devkit)["val"].pairs:
        serialized = encode(pair)
        by_tfds = features.deserialize_example(tf.constant(serialized))["objects"]
        boxes, labels, difficult = parse_objects(tf.constant(serialized))
        np.testing.assert_array_equal(by_tfds["bbox"], boxes)
        np.testing.assert_array_equal(by_tfds["label"], labels)
        np.testing.assert_array_equal(by_tfds["difficult"], difficult)

        # Compared with the devkit's instance masks: each box contains the pixels of its object and fits them tightly.
        instances = np.asarray(Image.open(devkit / "SegmentationObject" / f"{pair.image_id}.png"))
        root = ElementTree.parse(pair.annotation).getroot()
        assert [config.class_names[label] for label in labels] == [name.text for name in root.iterfind("object/name")]
        for number, box in enumerate(boxes.numpy(), start=1):
            rows, columns = np.nonzero(instances == number)
            height, width = instances.shape
            top, left, bottom, right = box * [height, width, height, width]
            border = 3  # pixels of void around the object
            assert top - 0.01 <= rows.min() <= top + border
            assert left - 0.01 <= columns.min() <= left + border
            assert bottom - border <= rows.max() + 1 <= bottom + 0.01
            assert right - border <= columns.max() + 1 <= right + 0.01


def test_boxes_do_not_change_the_other_features(devkit: Path) -> None:
    pair = read_splits(devkit)["val"].pairs[0]
    without = PairEncoder(RecordConfig(32, CLASSES))(pair)
    example = tf.train.Example.FromString(PairEncoder(RecordConfig(32, CLASSES, boxes=True))(pair))
    for name in [name for name in example.features.feature if name.startswith("objects/")]:
        del example.features.feature[name]
    assert without == example.SerializeToString(deterministic=True)
    assert "objects" not in record_features(RecordConfig(32, CLASSES))


def test_the_dataset_with_boxes(own_devkit: Path, tmp_path: Path) -> None:
    config = VocSegConfig(image_size=32, classes=CLASSES, boxes=True, devkit=own_devkit)
    builder = tfds.builder("voc_seg", data_dir=tmp_path, config=config)
    builder.download_and_prepare()
    examples = list(builder.as_dataset("train"))
    assert len(examples) == 4
    assert all(len(example["objects"]["label"]) for example in examples)


def test_images_without_an_annotation_are_reported(own_devkit: Path, tmp_path: Path) -> None:
    missing = next((own_devkit / "Annotations").iterdir())
    missing.unlink()
    settings: dict[str, Any] = {"image_size": 32, "classes": CLASSES, "devkit": own_devkit, "num_shards": 1}
    for boxes, data_dir in ((True, "stopped"), (False, "without")):
        builder = tfds.builder("voc_seg", data_dir=tmp_path / data_dir, config=VocSegConfig(boxes=boxes, **settings))
        if boxes:
            with pytest.raises(DevkitError, match=f"{missing.name} is missing: the image has no annotation"):
                builder.download_and_prepare()
        else:
            builder.download_and_prepare()
    config = VocSegConfig(boxes=True, on_bad_pair="skip", max_bad_fraction=0.5, **settings)
    builder = tfds.builder("voc_seg", data_dir=tmp_path / "skipped", config=config)
    builder.download_and_prepare()
    (rejected,) = (Path(builder.data_dir) / REJECTS_FILE).read_text().splitlines()
    assert json.loads(rejected)["image_id"] == missing.stem


def test_annotations_change_the_fingerprint_only_with_boxes(own_devkit: Path) -> None:
    before = [fingerprint(own_devkit, boxes=boxes) for boxes in (False, True)]
    assert len(set(before)) == 2
    annotation = next((own_devkit / "Annotations").iterdir())
    annotation.write_text(annotation.read_text() + " ")
    without, with_boxes = (fingerprint(own_devkit, boxes=boxes) for boxes in (False, True))
    assert (without == before[0], with_boxes == before[1]) == (True, False)
    assert len(with_boxes) == len(hashlib.sha256().hexdigest())
