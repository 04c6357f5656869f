"""Import of folders: layouts, lists, mask encodings, and what happens to files that do not fit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from pipeline import cli
from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE
from tests.tfds_voc_seg.importers.made_sources import (
    HEIGHT,
    WIDTH,
    all_ids,
    found,
    half,
    lists,
    read_devkit_mask,
    report,
    run_import,
    write_mask,
    write_photo,
)
from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.label_set_files import find_label_set

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("--classes", "background,road,car")


def pairs(source: Path, photo: str, mask: str, count: int = 5) -> None:
    """Writes pairs; `{}` in the patterns is the number."""
    for number in range(count):
        write_photo(source / photo.format(number), seed=number)
        write_mask(source / mask.format(number), half(0, 1 + number % 2))


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        ("{}.jpg", "{}.png"),
        ("{}.png", "{}_mask.png"),
        ("{}.JPG", "{}_gt.PNG"),
        ("images/{}.jpg", "masks/{}.png"),
        ("images/{}.png", "masks/{}_mask.png"),
        ("JPEGImages/{}.jpeg", "SegmentationClass/{}.png"),
    ],
)
def test_layouts_without_splits(photo: str, mask: str, tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    pairs(source, photo, mask)
    assert run_import("folders", source, devkit, *CLASSES) == 0
    assert {split: len(ids) for split, ids in lists(devkit).items()} == {"train": 4, "val": 1}
    assert all_ids(devkit) == [str(number) for number in range(5)]
    for number in range(5):
        np.testing.assert_array_equal(read_devkit_mask(devkit, str(number)), half(0, 1 + number % 2))
    labels = find_label_set(devkit)
    assert (labels.names, labels.ids, labels.background) == (("background", "road", "car"), (0, 1, 2), "background")
    with Image.open(devkit / "SegmentationClass/1.png") as image:
        palette = image.getpalette() or []
    assert [tuple(palette[3 * i : 3 * i + 3]) for i in range(3)] == list(labels.colors)
    assert tuple(palette[-3:]) == labels.void_colors[0]


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        ("{split}/images/{{}}.jpg", "{split}/masks/{{}}.png"),
        ("images/{split}/{{}}.jpg", "masks/{split}/{{}}.png"),
        ("{split}/{{}}.jpg", "{split}/{{}}.png"),
    ],
)
def test_splits_of_folders_are_kept(photo: str, mask: str, tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    for split in ("train", "validation", "test"):
        pairs(source, photo.format(split=split), mask.format(split=split), count=2)
        for number in range(2):  # other photos under the same names
            write_photo(source / photo.format(split=split).format(number), seed=hash((split, number)) % 1000)
    assert run_import("folders", source, devkit, *CLASSES) == 0
    assert {split: len(ids) for split, ids in lists(devkit).items()} == {"train": 2, "val": 2, "test": 2}
    assert sorted(report(devkit)["image_ids"]) == ["0-2", "0-3", "1-2", "1-3"]
    assert len(list((devkit / "JPEGImages").iterdir())) == 6


def test_subfolders_become_part_of_the_id_and_groups_stay_together(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    for patient in ("p 1", "p/2", "p_1", "p3"):
        pairs(source, f"images/{patient}/{{}}.jpg", f"masks/{patient}/{{}}.png", count=2)
    assert run_import("folders", source, devkit, *CLASSES, "--group", "folder", "--val", "0.25") == 0
    assert sorted(all_ids(devkit)) == ["p3_0", "p3_1", "p_1_0", "p_1_0-2", "p_1_1", "p_1_1-2", "p_2_0", "p_2_1"]
    names = report(devkit)["image_ids"]
    assert len({names.get(image_id, image_id).rpartition("/")[0] for image_id in lists(devkit)["val"]}) == 1
    assert len(lists(devkit)["val"]) == 2


def test_lists_divide_the_images(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    pairs(source, "images/a b{}.jpg", "masks/a b{}.png", count=6)
    (source / "train.txt").write_text("\ufeff# a comment\na b0\nimages/a b1.jpg masks/a b1.png\na b2.jpg\na b9\n")
    (source / "val.txt").write_text("a b2\r\na b3\r\n", newline="")
    (source / "test.txt").write_text("a b4\n")
    assert run_import("folders", source, devkit, *CLASSES) == 0
    assert lists(devkit)["val"] == ["a_b2", "a_b3"]
    assert lists(devkit)["test"] == ["a_b4"]
    assert lists(devkit)["train"] == ["a_b0", "a_b1"]
    assert found(devkit, "image in two splits") == ["a b2"]
    assert found(devkit, "in no split of the source") == ["a b5"]
    assert found(devkit, "no photo and mask") == ["a b9"]


def test_masks_of_every_encoding(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    (source).mkdir()
    (source / "labels.yaml").write_text(
        "classes:\n- {name: sky, id: 700, color: [1, 2, 3]}\n- {name: road, id: 9, color: [4, 5, 6]}\n"
        "void: {ids: [8], colors: [[7, 7, 7]]}\n"
    )
    for name in ("grey16", "color", "palette", "void"):
        write_photo(source / f"{name}.jpg")
    Image.fromarray(np.where(half(0, 1), 700, 9).astype(np.uint16)).save(source / "grey16.png")
    colors = np.array([[4, 5, 6], [1, 2, 3], [7, 7, 7]], np.uint8)
    Image.fromarray(colors[half(0, 1)]).save(source / "color.png")
    palette = Image.fromarray(half(0, 2))
    palette.putpalette(colors.tobytes())
    palette.save(source / "palette.png")
    write_mask(source / "void.png", half(8, 9))
    assert run_import("folders", source, devkit) == 0
    np.testing.assert_array_equal(read_devkit_mask(devkit, "grey16"), half(1, 0))
    np.testing.assert_array_equal(read_devkit_mask(devkit, "color"), half(1, 0))
    np.testing.assert_array_equal(read_devkit_mask(devkit, "palette"), half(1, 255))
    np.testing.assert_array_equal(read_devkit_mask(devkit, "void"), half(255, 1))
    labels = find_label_set(devkit)
    assert (labels.ids, labels.colors, labels.void_colors) == ((0, 1), ((1, 2, 3), (4, 5, 6)), ((7, 7, 7),))


def test_binary_masks(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_photo(source / "a.jpg")
    write_mask(source / "a.png", half(0, 255))
    assert run_import("folders", source, devkit, "--classes", "background,crack", "--masks", "binary") == 0
    np.testing.assert_array_equal(read_devkit_mask(devkit, "a"), half(0, 1))


def test_without_a_label_set_classes_are_those_of_voc(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    pairs(source, "{}.jpg", "{}.png")
    assert run_import("folders", source, devkit) == 0
    assert find_label_set(devkit).names == VOC_LABELS.names


def test_photos_are_linked_or_copied_and_never_encoded_again(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_photo(source / "images/a.jpg")
    write_photo(source / "images/b.bmp")
    (source / "images/a.jpg").rename(source / "images/a.png")  # the content counts, not the ending
    for name in "ab":
        write_mask(source / f"masks/{name}.png", half(0, 1))
    before = {file: file.read_bytes() for file in source.rglob("*.*")}
    assert run_import("folders", source, tmp_path / "linked", *CLASSES) == 0
    assert run_import("folders", source, tmp_path / "copied", *CLASSES, "--copy") == 0
    photo = source / "images/a.png"
    assert photo.samefile(tmp_path / "linked/JPEGImages/a.jpg")
    assert not photo.samefile(tmp_path / "copied/JPEGImages/a.jpg")
    assert (tmp_path / "copied/JPEGImages/a.jpg").read_bytes() == photo.read_bytes()
    with Image.open(tmp_path / "linked/JPEGImages/b.png") as png, Image.open(source / "images/b.bmp") as bmp:
        np.testing.assert_array_equal(np.asarray(png), np.asarray(bmp))
    assert report(tmp_path / "linked")["photos"] == {"linked": 1, "converted": 1}
    assert report(tmp_path / "copied")["photos"] == {"copied": 1, "converted": 1}
    assert {file: file.read_bytes() for file in source.rglob("*.*")} == before


def test_a_link_that_fails_becomes_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    pairs(tmp_path / "source", "{}.jpg", "{}.png", count=2)
    monkeypatch.setattr(os, "link", refuse)
    assert run_import("folders", tmp_path / "source", tmp_path / "devkit", *CLASSES) == 0
    assert report(tmp_path / "devkit")["photos"] == {"copied": 2}


def test_everything_that_is_dropped_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    pairs(source, "images/good{}.jpg", "masks/good{}.png", count=2)
    write_photo(source / "images/alone.jpg")
    write_mask(source / "masks/lost.png", half(0, 1))
    for name in ("damaged", "void", "unknown", "small", "sideways", "lossy", "broken"):
        write_photo(source / f"images/{name}.jpg")
        write_mask(source / f"masks/{name}.png", half(0, 1))
    (source / "images/damaged.jpg").write_text("no photo")
    write_mask(source / "masks/void.png", half(255, 255))
    write_mask(source / "masks/unknown.png", half(0, 7))
    write_mask(source / "masks/small.png", [[0, 1]])
    exif = Image.Exif()
    exif[0x0112] = 6
    write_photo(source / "images/sideways.jpg", exif=exif)
    (source / "masks/lossy.png").unlink()
    write_mask(source / "masks/lossy.jpg", half(0, 1))
    whole = (source / "masks/broken.png").read_bytes()
    (source / "masks/broken.png").write_bytes(whole[: len(whole) // 2])
    (source / "readme.md").write_text("hello")
    (source / "extra.png").write_bytes(whole)
    assert run_import("folders", source, devkit, *CLASSES) == 0
    assert all_ids(devkit) == ["good0", "good1"]
    assert found(devkit, "no mask") == ["alone"]
    assert found(devkit, "no photo") == ["lost"]
    assert sorted(found(devkit, "image cannot be read")) == ["broken", "damaged"]
    assert found(devkit, "only void pixels") == ["void"]
    assert found(devkit, "mask without a meaning") == ["lossy", "unknown"]
    assert found(devkit, "size mismatch") == ["sideways", "small"]
    assert found(devkit, "other file") == ["readme.md"]
    assert len(report(devkit)["findings"]) == 11
    details = " ".join(finding["detail"] for finding in report(devkit)["findings"])
    assert "mask 8×6, photo 6×8; it fits the photo as it is stored, not upright" in details
    assert "contains the values 7" in details
    printed = capsys.readouterr().out
    assert "taken: 2 images (1 train, 1 val); photos: 2 linked" in printed
    assert "images dropped: 2 × size mismatch: sideways (" in printed
    assert "images dropped: 1 × no mask: alone (images/alone.jpg)" in printed
    assert printed.endswith(f"{devkit} is a devkit; check it with: vocseg data check {devkit}\n")


def test_the_same_photo_in_two_splits_stays_in_val(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    for split in ("train", "val"):
        write_photo(source / split / "images/same.jpg")
        write_mask(source / split / "masks/same.png", half(0, 1))
    write_photo(source / "train/images/other.jpg", seed=1)
    write_mask(source / "train/masks/other.png", half(0, 1))
    assert run_import("folders", source, devkit, *CLASSES) == 0
    assert lists(devkit) == {"train": ["other"], "val": ["same"]}
    assert found(devkit, "image in two splits") == ["same"]


def test_nothing_taken_is_a_failure_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_photo(tmp_path / "source/a.jpg")
    assert run_import("folders", tmp_path / "source", tmp_path / "devkit") == EXIT_FAILED
    printed = capsys.readouterr()
    assert "images dropped: 1 × no mask: a" in printed.out
    assert printed.err == f"vocseg: no image of {tmp_path / 'source'} could be taken; nothing was written\n"
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_targets_that_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "source"
    pairs(source, "{}.jpg", "{}.png")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    for devkit, message in (
        (tmp_path / "full", "is not an empty folder"),
        (tmp_path / "full/file", "is not an empty folder"),
        (source / "devkit", "choose a folder outside of the source"),
    ):
        assert run_import("folders", source, devkit, *CLASSES) == EXIT_USAGE
        assert message in capsys.readouterr().err
    assert run_import("folders", tmp_path / "missing", tmp_path / "devkit") == EXIT_USAGE
    assert capsys.readouterr().err == f"vocseg: {tmp_path / 'missing'} does not exist\n"
    assert run_import("folders", source, tmp_path / "devkit", "--photos", str(tmp_path / "missing")) == EXIT_USAGE
    assert "is not a folder" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert run_import("folders", source, tmp_path / "empty", *CLASSES) == 0


def test_photos_in_another_folder(tmp_path: Path) -> None:
    write_photo(tmp_path / "photos/a.jpg")
    write_mask(tmp_path / "annotated/a.png", half(0, 1))
    devkit = tmp_path / "devkit"
    assert run_import("folders", tmp_path / "annotated", devkit, *CLASSES, "--photos", str(tmp_path / "photos")) == 0
    assert all_ids(devkit) == ["a"]
    assert read_devkit_mask(devkit, "a").shape == (HEIGHT, WIDTH)


def test_options_that_do_not_fit_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "labels.yaml").write_text("classes: [a, a]\n")
    for source_format, options, message in (
        ("cityscapes", ("--classes", "a"), "cityscapes has classes of its own"),
        ("coco", ("--masks", "color"), "--masks is for the format folders"),
        ("folders", ("--labels", str(tmp_path / "labels.yaml")), "name 'a' is used more than once"),
        ("folders", ("--val", "1.5"), "their sum below 1"),
        ("folders", ("--group", "("), "is not a regular expression"),
    ):
        assert run_import(source_format, tmp_path, tmp_path.parent / "devkit", *options) == EXIT_USAGE
        error = capsys.readouterr().err
        assert message in error
        assert len(error.splitlines()) == 1


def test_a_devkit_of_own_classes_passes_the_check(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    colors = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90]], np.uint8)
    for number in range(6):
        write_photo(tmp_path / f"source/images/{number}.png", seed=number)
        write_mask(tmp_path / f"source/masks/{number}.png", colors[half(number % 3, 1)])
    (tmp_path / "source/labels.yaml").write_text(
        "classes:\n- {name: soil, color: [10, 20, 30]}\n- {name: weed, color: [40, 50, 60]}\n"
        "- {name: crop, color: [70, 80, 90]}\nbackground: soil\n"
    )
    devkit = tmp_path / "devkit"
    assert run_import("folders", tmp_path / "source", devkit) == 0
    assert cli.main(["data", "check", str(devkit)]) == 0
    assert "5 train and 1 val images are good; no problems" in capfd.readouterr().out
