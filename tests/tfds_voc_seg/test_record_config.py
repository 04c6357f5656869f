"""Which classes the records of a label set have, and what becomes of the others."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from tfds_voc_seg.class_maps import class_map, contains_any_class
from tfds_voc_seg.label_set import VOC_LABELS, LabelSet
from tfds_voc_seg.labels import VOC_CLASSES, VOID
from tfds_voc_seg.record_config import ConversionConfig, RecordConfig

ROADS = LabelSet(
    names=("car", "sky", "bus", "unlabelled", "person"),
    ids=(26, 23, 28, 0, 24),
    colors=((0, 0, 142), (70, 130, 180), (0, 60, 100), (0, 0, 0), (220, 20, 60)),
    background="unlabelled",
)
WITHOUT_BACKGROUND = dataclasses.replace(ROADS, background=None)
MASK = np.array([[0, 1, 2, 3, 4, VOID]], np.uint8)
"""Positions in the names of the label set."""


def test_all_classes_by_default() -> None:
    assert RecordConfig() == RecordConfig(classes=VOC_CLASSES[1:], labels=VOC_LABELS)
    assert RecordConfig(labels=ROADS).class_names == ("unlabelled", "car", "sky", "bus", "person")
    assert RecordConfig(labels=WITHOUT_BACKGROUND).class_names == ROADS.names


@pytest.mark.parametrize(
    ("labels", "classes", "names", "expected"),
    [
        (ROADS, None, ("unlabelled", "car", "sky", "bus", "person"), [1, 2, 3, 0, 4, VOID]),
        (ROADS, ["person", "sky"], ("unlabelled", "person", "sky"), [0, 2, 0, 0, 1, VOID]),
        (ROADS, ["sky", {"vehicle": ["car", "bus"]}], ("unlabelled", "sky", "vehicle"), [2, 1, 2, 0, 0, VOID]),
        (ROADS, {"sky": ["sky"], "vehicle": ["bus"]}, ("unlabelled", "sky", "vehicle"), [0, 1, 2, 0, 0, VOID]),
        (WITHOUT_BACKGROUND, None, ROADS.names, [0, 1, 2, 3, 4, VOID]),
        (WITHOUT_BACKGROUND, ["person", "car"], ("person", "car"), [1, VOID, VOID, VOID, 0, VOID]),
    ],
)
def test_class_map_of_selected_and_merged_classes(
    labels: LabelSet, classes: Any, names: tuple[str, ...], expected: list[int]
) -> None:
    config = RecordConfig(32, classes, labels=labels)
    assert config.class_names == names
    assert class_map(MASK, config).tolist() == [expected]
    assert RecordConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config


def test_channels_keep_ids_and_colours_of_the_label_set() -> None:
    channels = RecordConfig(32, ("sky", ("vehicle", ("bus", "car"))), labels=ROADS).channels
    assert channels.names == ("unlabelled", "sky", "vehicle")
    assert channels.ids == (0, 23, 28)
    assert channels.colors == ((0, 0, 0), (70, 130, 180), (0, 60, 100))
    assert channels.background == "unlabelled"


@pytest.mark.parametrize("labels", [ROADS, WITHOUT_BACKGROUND])
def test_a_mask_contains_a_class_or_not(labels: LabelSet) -> None:
    config = RecordConfig(32, ("car",), labels=labels)
    assert contains_any_class(MASK, config)
    assert not contains_any_class(MASK[:, 1:], config)


def test_void_as_background() -> None:
    config = RecordConfig(32, ("sky",), void="background", labels=ROADS)
    assert class_map(MASK, config).tolist() == [[0, 1, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": ("dgo",)}, "unknown class 'dgo'; allowed are car, sky, bus, person"),
        ({"classes": ("unlabelled",)}, "unknown class 'unlabelled'"),
        ({"classes": ()}, "name at least one class, each once"),
        ({"classes": ("car", "car")}, "name at least one class, each once"),
        ({"classes": ("car", ("vehicle", ("car", "bus")))}, "name at least one class, each once"),
        ({"classes": ({"unlabelled": ["car"]},)}, "'unlabelled' is the background and cannot name other classes"),
        ({"classes": ({"vehicle": "car"},)}, r"is not a class; write a name, or \{vehicle: \[car, bus\]\}"),
        ({"classes": ({"vehicle": []},)}, "is not a class"),
        ({"classes": (3,)}, "3 is not a class"),
        ({"background_classes": True, "classes": ({"x": ["car"]},)}, "cannot be stored with merged classes"),
        ({"resize": "zoom"}, "resize='zoom' is invalid; allowed are 'stretch', 'pad', 'crop'"),
        ({"image_size": None, "resize": "pad"}, "resize='pad' needs an image_size, to which photos are resized"),
        ({"labels": WITHOUT_BACKGROUND, "void": "background"}, "void=background needs a background class"),
        ({"labels": WITHOUT_BACKGROUND, "boxes": True}, "boxes needs a background class"),
        ({"labels": WITHOUT_BACKGROUND, "background_classes": True}, "background_classes needs a background class"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RecordConfig(**{"labels": ROADS, **settings})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_shards": 0}, "num_shards=0"),
        ({"seed": -1}, "seed=-1"),
        ({"on_bad_pair": "stop"}, "on_bad_pair='stop' is invalid; allowed are 'fail', 'skip'"),
        ({"max_bad_fraction": 1.1}, "max_bad_fraction=1.1 is invalid; allowed are fractions, 0 to 1"),
        ({"max_bad_fraction": float("nan")}, "max_bad_fraction=nan is invalid"),
    ],
)
def test_a_conversion_that_is_impossible_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConversionConfig(**settings)
