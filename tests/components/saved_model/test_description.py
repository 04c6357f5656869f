"""The description of an exported model: its file, its palette, errors."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest
import tensorflow as tf

from components.saved_model.description import ModelDescription, read_description
from tests.components.saved_model.small_model import DESCRIPTION, NAMES, SIZE
from tfds_voc_seg.label_set import LabelSet
from tfds_voc_seg.record_config import RecordConfig

if TYPE_CHECKING:
    from pathlib import Path


def test_the_description_is_part_of_the_model(model: Any, folder: Path, tmp_path: Path) -> None:
    assert read_description(folder) == DESCRIPTION
    written = json.loads((folder / "assets/segmentation.json").read_text())
    assert written["training"] == {"epochs": 3, "rate": 0.5}
    assert written["class_names"] == list(NAMES)
    assert written["palette"][NAMES.index("person")] == [192, 128, 128]
    assert model.description.asset_path.numpy().decode() == str(folder / "assets/segmentation.json")

    tf.saved_model.save(model, str(tmp_path / "again"), signatures=dict(model.signatures))
    assert read_description(tmp_path / "again") == DESCRIPTION
    assert "serving_default" in tf.saved_model.load(str(tmp_path / "again")).signatures


def test_every_class_has_a_different_colour() -> None:
    def palette(*names: str) -> tuple[tuple[int, int, int], ...]:
        return ModelDescription(names, SIZE, "small", {}, {}, 1, 1.0).channels.colors

    assert palette("background", "dog", "person") == ((0, 0, 0), (64, 0, 128), (192, 128, 128))
    mixed = palette("background", "zebra", "dog", "unicorn")
    assert (mixed[0], mixed[2]) == ((0, 0, 0), (64, 0, 128))
    voc = palette(*NAMES)
    assert len({*mixed, *voc}) == len(mixed) + len(voc) - 1  # background is in both


def test_the_description_contains_how_the_records_were_made(tmp_path: Path) -> None:
    labels = LabelSet(("soil", "crop"), (3, 700), ((1, 2, 3), (4, 5, 6)), background="soil")
    config = RecordConfig(SIZE, void="background", labels=labels)
    description = dataclasses.replace(DESCRIPTION, class_names=config.class_names, records=config)
    file = tmp_path / "assets/segmentation.json"
    file.parent.mkdir()
    file.write_text(description.to_json())
    written = json.loads(file.read_text())
    assert (written["ids"], written["palette"], written["background"]) == ([3, 700], [[1, 2, 3], [4, 5, 6]], "soil")
    assert read_description(tmp_path) == description
    assert description.channels == config.channels


def test_an_unreadable_description_is_rejected_with_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "assets/segmentation.json"
    file.parent.mkdir()
    for content in (None, "", "[]", "7", "{", '{"class_names": ["background"]}'):
        if content is not None:
            file.write_text(content)
        with pytest.raises(ValueError, match=f"^{tmp_path} is not a model of this project: {file} cannot be read"):
            read_description(tmp_path)
    with pytest.raises(ValueError, match="it lacks 'image_size'"):
        read_description(tmp_path)
    file.write_text(json.dumps({**json.loads(DESCRIPTION.to_json()), "of_a_later_version": 1}))
    assert read_description(tmp_path) == DESCRIPTION
