"""Import of Cityscapes and ADE20K."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.commands.terminal import EXIT_USAGE
from tests.tfds_voc_seg.importers.made_sources import (
    found,
    half,
    lists,
    read_devkit_mask,
    run_import,
    write_mask,
    write_photo,
)
from tfds_voc_seg.label_set_files import find_label_set

if TYPE_CHECKING:
    from pathlib import Path

ROAD, CAR = 7, 26


def write_city(source: Path, split: str, image: str, mask: np.ndarray | None, kind: str = "labelIds") -> None:
    city = image.partition("_")[0]
    write_photo(source / f"leftImg8bit/{split}/{city}/{image}_leftImg8bit.png", seed=len(image))
    if mask is not None:
        write_mask(source / f"gtFine/{split}/{city}/{image}_gtFine_{kind}.png", mask)


def test_cityscapes(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_city(source, "train", "aachen_000000_000019", half(ROAD, CAR))
    write_city(source, "val", "ulm_000000_000019", half(4, CAR))
    write_city(source, "val", "ulm_000001_000019", None)
    write_city(source, "test", "bonn_000000_000019", half(0, 3))
    write_mask(source / "gtFine/train/aachen/aachen_000000_000019_gtFine_instanceIds.png", half(1, 2))
    assert run_import("cityscapes", source, devkit) == 0
    assert lists(devkit) == {"train": ["aachen_000000_000019"], "val": ["ulm_000000_000019"]}
    np.testing.assert_array_equal(read_devkit_mask(devkit, "aachen_000000_000019"), half(0, 13))
    np.testing.assert_array_equal(read_devkit_mask(devkit, "ulm_000000_000019"), half(255, 13))
    labels = find_label_set(devkit)
    assert (len(labels.names), labels.names[0], labels.names[13], labels.background) == (19, "road", "car", None)
    assert found(devkit, "no mask") == ["ulm/000001_000019"]
    assert found(devkit, "only void pixels") == ["bonn/000000_000019"]


def test_cityscapes_by_training_ids_and_by_city(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    for city in ("aachen", "bremen", "celle"):
        for number in range(2):
            write_city(source, "train", f"{city}_{number}", half(255, 13), "labelTrainIds")
    assert run_import("cityscapes", source, devkit, "--group", "folder", "--val", "0.34") == 0
    assert len({image_id.partition("_")[0] for image_id in lists(devkit)["val"]}) == 1
    np.testing.assert_array_equal(read_devkit_mask(devkit, "celle_1"), half(255, 13))


def write_scenes(source: Path) -> None:
    for split in ("training", "validation"):
        write_photo(source / f"images/{split}/ADE_{split}_1.jpg", seed=len(split))
        write_mask(source / f"annotations/{split}/ADE_{split}_1.png", half(0, 2))
    (source / "objectInfo150.txt").write_text(
        "Idx\tRatio\tTrain\tVal\tStuff\tName\n1\t0.1576\t11664\t1172\t1\twall\n"
        "2\t0.1072\t6046\t612\t1\tbuilding, edifice\n3\t0.01\t1\t1\t1\tscreen, a\n4\t0.01\t1\t1\t1\tscreen, b\n"
    )


@pytest.mark.parametrize("nested", ["", "ADEChallengeData2016"])
def test_ade20k(nested: str, tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_scenes(source / nested)
    assert run_import("ade20k", source, devkit) == 0
    assert lists(devkit) == {"train": ["ADE_training_1"], "val": ["ADE_validation_1"]}
    assert find_label_set(devkit).names == ("wall", "building", "screen, a", "screen, b")
    np.testing.assert_array_equal(read_devkit_mask(devkit, "ADE_training_1"), half(255, 1))


TREE, CAR_NUMBER, DOOR = 2855, 401, 8  # larger than 255: red holds the higher digits


def write_full_scene(source: Path, place: str, left: int, right: int, **more: Any) -> None:
    """Writes a photo, its mask in ADE20K's code, and the description of its objects."""
    numbers = half(0, 1).astype(int) * (right - left) + left
    colors = np.stack([numbers // 256 * 10, numbers % 256, half(1, 2)], axis=-1)  # blue numbers the instances
    folder = source / "images/ADE" / place
    write_photo(folder.with_name(f"{folder.name}.jpg"), seed=len(place))
    write_mask(folder.with_name(f"{folder.name}_seg.png"), colors)
    write_mask(folder / "instance_000.png", half(0, 255))
    names = {TREE: "tree", CAR_NUMBER: "car, auto", DOOR: "door"}
    objects = [
        {"name": names[number], "name_ndx": number, "parts": {"part_level": int(number == DOOR)}}
        for number in (left, right, DOOR)
        if number
    ]
    content = {"annotation": {"object": objects, **more}}
    folder.with_name(f"{folder.name}.json").write_text(json.dumps(content, ensure_ascii=False), encoding="latin-1")


def test_the_full_ade20k(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_full_scene(source, "training/urban/street/ADE_train_1", TREE, CAR_NUMBER, note="caf\u00e9")
    write_full_scene(source, "validation/urban/street/ADE_val_1", 0, TREE)
    write_full_scene(source, "validation/urban/street/ADE_val_2", 0, TREE)
    (source / "images/ADE/validation/urban/street/ADE_val_2.json").write_text("{")
    assert run_import("ade20k", source, devkit) == 0
    assert lists(devkit) == {"train": ["urban_street_ADE_train_1"], "val": ["urban_street_ADE_val_1"]}
    labels = find_label_set(devkit)
    assert (labels.names, labels.background) == (("car", "tree"), None)
    np.testing.assert_array_equal(read_devkit_mask(devkit, "urban_street_ADE_train_1"), half(1, 0))
    np.testing.assert_array_equal(read_devkit_mask(devkit, "urban_street_ADE_val_1"), half(255, 1))
    assert found(devkit, "no description of the classes") == ["urban/street/ADE_val_2"]


@pytest.mark.parametrize(("classes", "rest"), [("tree", 255), ("background,tree", 0)])
def test_chosen_classes_of_the_full_ade20k(classes: str, rest: int, tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_full_scene(source, "training/urban/ADE_train_1", TREE, CAR_NUMBER)
    assert run_import("ade20k", source, devkit, "--classes", classes) == 0
    tree = classes.split(",").index("tree")
    np.testing.assert_array_equal(read_devkit_mask(devkit, "urban_ADE_train_1"), half(tree, rest))


def test_a_full_ade20k_that_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_full_scene(source, "training/a", TREE, CAR_NUMBER)
    assert run_import("ade20k", source, devkit, "--classes", "tree,auto") == EXIT_USAGE
    assert "no object of the source is called 'auto'" in capsys.readouterr().err
    many = [{"name": f"class {number}", "name_ndx": number} for number in range(1, 300)]
    write_full_scene(source, "training/b", TREE, CAR_NUMBER, object=[*many, {"name": "tree", "name_ndx": TREE}])
    assert run_import("ade20k", source, devkit) == EXIT_USAGE
    error = capsys.readouterr().err
    assert "has 301 classes, and a label set at most 255" in error
    assert "the most frequent are tree" in error
    for name in "ab":
        (source / f"images/ADE/training/{name}.json").unlink()
    assert run_import("ade20k", source, devkit) == EXIT_USAGE
    assert "has a readable .json beside it" in capsys.readouterr().err


def test_sources_that_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    source.mkdir()
    for name, message in (("cityscapes", "leftImg8bit and gtFine"), ("ade20k", "the folders images and annotations")):
        assert run_import(name, source, devkit) == EXIT_USAGE
        assert message in capsys.readouterr().err
    write_scenes(source)
    assert run_import("ade20k", source, devkit, "--classes", "wall") == EXIT_USAGE
    assert "select from them with data.classes" in capsys.readouterr().err
    (source / "objectInfo150.txt").unlink()
    assert run_import("ade20k", source, devkit) == EXIT_USAGE
    assert "it names the classes (or use --labels)" in capsys.readouterr().err
