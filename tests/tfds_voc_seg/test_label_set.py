"""Label sets: what is valid, what is refused with which sentence, and that files give back what was written."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfds_voc_seg.label_set import MAX_CLASSES, VOC_LABELS, LabelSet, LabelSetError
from tfds_voc_seg.label_set_files import find_label_set, label_set_from, read_label_set, write_label_set

if TYPE_CHECKING:
    from pathlib import Path

COLORS = st.tuples(*[st.integers(0, 255)] * 3)


@st.composite
def label_sets(draw: st.DrawFn) -> LabelSet:
    """Draws any valid label set of up to 20 classes."""
    count = draw(st.integers(1, 20))
    names = draw(st.lists(st.from_regex(r"\A[a-zäß][a-z0-9 _-]{0,8}\Z"), min_size=count, max_size=count, unique=True))
    ids = draw(st.lists(st.integers(0, 65_535), min_size=count, max_size=count + 3, unique=True))
    colors = draw(st.lists(COLORS, min_size=count, max_size=count + 3, unique=True))
    return LabelSet(
        names=tuple(names),
        ids=tuple(ids[:count]),
        colors=tuple(colors[:count]),
        background=draw(st.sampled_from([None, *names])),
        void_ids=tuple(ids[count:]),
        void_colors=tuple(colors[count:]),
        masks=draw(st.sampled_from(["auto", "index", "color"])),
    )


@given(label_sets())
def test_content_of_the_file_and_json_give_back_the_same_label_set(labels: LabelSet) -> None:
    assert label_set_from(labels.as_dict()) == labels
    assert LabelSet(**json.loads(json.dumps(dataclasses.asdict(labels)))) == labels


def test_written_file_is_found_in_the_devkit(tmp_path: Path) -> None:
    assert find_label_set(tmp_path) == VOC_LABELS
    labels = LabelSet(("straße", "cell"), (0, 7), ((0, 0, 0), (9, 8, 7)), background="straße")
    write_label_set(labels, tmp_path)
    assert find_label_set(tmp_path) == labels


def test_missing_ids_and_colors_follow_from_the_position(tmp_path: Path) -> None:
    (tmp_path / "labels.yaml").write_text("classes: [sky, {name: road, id: 7}]\n")
    labels = find_label_set(tmp_path)
    assert (labels.ids, labels.colors, labels.background) == ((0, 7), ((0, 0, 0), (128, 0, 0)), None)


def test_labels_yaml_is_preferred_to_the_label_map_of_cvat(tmp_path: Path) -> None:
    (tmp_path / "labelmap.txt").write_text("road:128,64,128::\n")
    assert find_label_set(tmp_path).names == ("road",)
    (tmp_path / "labels.yaml").write_text("\ufeffclasses: [cell]\n", encoding="utf-8")
    assert find_label_set(tmp_path).names == ("cell",)


def test_label_map_of_cvat(tmp_path: Path) -> None:
    text = "\ufeff# label:color_rgb:parts:actions\nbackground:0,0,0::\n\nroad:128,64,128::\n"
    (tmp_path / "labelmap.txt").write_text(text, encoding="utf-8")
    labels = find_label_set(tmp_path)
    assert labels.names == ("background", "road")
    assert (labels.colors[1], labels.background, labels.masks) == ((128, 64, 128), "background", "color")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "classes: list at least one class"),
        ([1], "labels: must have the keys classes, background, void, masks"),
        ({"classes": [{"nam": 1}]}, r"classes\[0\]: unknown key 'nam'; allowed are name, id, color"),
        ({"classes": ["a", "a"]}, "name 'a' is used more than once"),
        ({"classes": [f"c{i}" for i in range(MAX_CLASSES + 1)]}, "256 classes, at most 255 are allowed"),
        ({"classes": [{"name": "a", "id": 255}]}, "id 255 is used more than once, void included"),
        ({"classes": [{"name": "a", "id": 65_536}]}, "id 65536 must be a whole number from 0 to 65,535"),
        ({"classes": [{"name": "a", "id": True}]}, "id True must be a whole number"),
        ({"classes": [{"name": "a", "color": [0, 0, 256]}]}, "must be three whole numbers from 0 to 255"),
        ({"classes": [{"name": "a\n"}]}, "must be 1 to 100 printable characters"),
        ({"classes": ["a"], "background": "b"}, "background 'b' is not a class; classes are a"),
        ({"classes": ["a"], "void": {"ids": 3}}, "void.ids 3 must be a list"),
        ({"classes": ["a"], "masks": "rgb"}, "masks 'rgb' is unknown; allowed are auto, index, color, binary"),
        ({"classes": ["a", "b"], "masks": "binary"}, "binary needs one class that is not background; there are 2"),
    ],
)
def test_invalid_label_sets_are_refused(values: Any, message: str) -> None:
    with pytest.raises(LabelSetError, match=message):
        label_set_from(values)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("labels.yaml", b"classes: [", "labels.yaml is not valid YAML"),
        ("labels.yaml", b"\xff\xfe", "labels.yaml cannot be read"),
        ("labels.yaml", b"classes: [a, a]", "labels.yaml: name 'a' is used more than once"),
        ("labelmap.txt", b"road:1,2", r"labelmap.txt: line 1 is 'road:1,2'; expected name:red,green,blue"),
        ("labelmap.txt", b"", "labelmap.txt: 0 classes; 1 to 255 are allowed"),
    ],
)
def test_errors_name_the_file(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LabelSetError, match=message):
        read_label_set(tmp_path / name)
