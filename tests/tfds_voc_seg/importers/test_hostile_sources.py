"""Sources from anywhere: links that leave them, names that no file can have, and names that steer a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.tfds_voc_seg.importers.made_sources import (
    HEIGHT,
    WIDTH,
    all_ids,
    found,
    half,
    report,
    run_import,
    write_mask,
    write_photo,
)

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("--classes", "background,car")
REASON = "link to a file outside of the source"


def write_pairs(source: Path, names: str, *, photos: str = "images/{}.jpg", masks: str = "masks/{}.png") -> None:
    for number, name in enumerate(names):
        write_photo(source / photos.format(name), seed=number)
        write_mask(source / masks.format(name), half(0, 1))


def replace_by_link(file: Path, outside: Path) -> None:
    """Moves a file out of its source and leaves a link to it."""
    outside.mkdir(exist_ok=True)
    file.symlink_to(file.rename(outside / file.name))


def test_linked_photos_and_masks_of_folders(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_pairs(source, "abcd")
    replace_by_link(source / "images/a.jpg", tmp_path / "private")
    replace_by_link(source / "masks/b.png", tmp_path / "private")
    replace_by_link(source / "images/c.jpg", source / "more")  # stays in the source
    assert run_import("folders", source, devkit, *CLASSES) == 0
    assert found(devkit, REASON) == ["a", "b"]
    assert all_ids(devkit) == ["c", "d"]


def test_a_folder_on_another_disk_is_followed(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_pairs(source, "ab")
    (source / "images").rename(tmp_path / "photos")
    (source / "images").symlink_to(tmp_path / "photos")
    assert run_import("folders", source, devkit, *CLASSES) == 0
    assert all_ids(devkit) == ["a", "b"]


def test_linked_photos_in_the_folder_of_photos(tmp_path: Path) -> None:
    devkit = tmp_path / "devkit"
    write_pairs(tmp_path, "ab", photos="photos/{}.jpg", masks="masks/{}.png")
    replace_by_link(tmp_path / "photos/a.jpg", tmp_path / "private")
    options = ("--photos", str(tmp_path / "photos"))
    assert run_import("folders", tmp_path / "masks", devkit, *CLASSES, *options) == 0
    assert (found(devkit, REASON), all_ids(devkit)) == (["a"], ["b"])


def test_a_linked_mask_of_cityscapes(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    for name in ("ulm_1", "ulm_2"):
        write_photo(source / f"leftImg8bit/train/ulm/{name}_leftImg8bit.png", seed=int(name[-1]))
        write_mask(source / f"gtFine/train/ulm/{name}_gtFine_labelIds.png", half(7, 26))
    replace_by_link(source / "gtFine/train/ulm/ulm_1_gtFine_labelIds.png", tmp_path / "private")
    assert run_import("cityscapes", source, devkit) == 0
    assert (found(devkit, REASON), all_ids(devkit)) == (["ulm/1"], ["ulm_2"])


@pytest.mark.parametrize("source_format", ["coco", "labelme", "cvat"])
def test_linked_photos_and_endless_names_of_annotations(source_format: str, tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    names = ["good.jpg", "linked.jpg", f"{'n' * 300}.jpg", "gone\x1b[2J.jpg"]
    for number, name in enumerate(names[:2]):
        write_photo(source / name, seed=number)
    replace_by_link(source / "linked.jpg", tmp_path / "private")
    if source_format == "coco":
        images = [{"id": i, "file_name": name, "height": HEIGHT, "width": WIDTH} for i, name in enumerate(names)]
        content = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "car"}]}
        (source / "a.json").write_text(json.dumps(content))
    elif source_format == "labelme":
        shape = {"label": "car", "points": [[1, 1], [3, 1], [3, 3]], "shape_type": "polygon"}
        for number, name in enumerate(names):
            (source / f"{number}.json").write_text(json.dumps({"shapes": [shape], "imagePath": name}))
    else:
        labels = "<labels><label><name>car</name><color>#ff0000</color></label></labels>"
        listed = "".join(f'<image id="{i}" name="{name}"/>' for i, name in enumerate(names[:3]))
        (source / "annotations.xml").write_text(f"<annotations>{labels}{listed}</annotations>")
    assert run_import(source_format, source, devkit) == 0
    assert len(all_ids(devkit)) == 1
    assert len(found(devkit, REASON)) == 1
    assert len(found(devkit, "no photo")) == (1 if source_format == "cvat" else 2)


def test_names_in_the_report_do_not_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_pairs(source, "a")
    hostile = "x\x1b[2J\x07\nvocseg: done"
    write_photo(source / f"images/{hostile}.jpg")
    (source / "images").joinpath(b"caf\xe9.jpg".decode(errors="surrogateescape")).write_bytes(b"")
    assert run_import("folders", source, devkit, *CLASSES) == 0
    printed = capsys.readouterr().out
    assert "x\ufffd[2J\ufffd\ufffdvocseg: done" in printed
    assert "caf\ufffd" in printed
    assert not {"\x1b", "\x07"} & set(printed)
    assert hostile in [finding["image"] for finding in report(devkit)["findings"]]


def test_a_link_to_an_endless_device_is_not_read(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_pairs(source, "ab")
    (source / "images/a.jpg").unlink()
    (source / "images/a.jpg").symlink_to("/dev/zero")
    assert run_import("folders", source, tmp_path / "devkit", *CLASSES) == 0
    assert all_ids(tmp_path / "devkit") == ["b"]
