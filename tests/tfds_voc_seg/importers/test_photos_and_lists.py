"""Import of photos that lie on their side, folders that contain themselves, and lists whose names are not unique."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.tfds_voc_seg.importers.made_sources import (
    HEIGHT,
    WIDTH,
    all_ids,
    found,
    half,
    lists,
    report,
    run_import,
    write_mask,
    write_photo,
)

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("--classes", "background,road,car")


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize("orientation", [1, 2, 3, 4])
def test_an_orientation_that_keeps_the_sides_fits_the_mask(orientation: int, tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_photo(source / "a.jpg", exif=exif(orientation))
    write_mask(source / "a.png", half(0, 1))
    assert run_import("folders", source, devkit, *CLASSES) == 0
    assert all_ids(devkit) == ["a"]


def test_a_photo_that_is_converted_becomes_upright(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_photo(source / "images/a.webp", exif=exif(6), lossless=True, size=(WIDTH, HEIGHT))
    write_mask(source / "masks/a.png", half(0, 1))
    assert run_import("folders", source, devkit, *CLASSES) == 0
    assert report(devkit)["photos"] == {"converted": 1}
    with Image.open(source / "images/a.webp") as stored, Image.open(devkit / "JPEGImages/a.png") as upright:
        np.testing.assert_array_equal(np.asarray(upright), np.rot90(np.asarray(stored), -1))
        assert not upright.getexif().get(0x0112)


def test_a_folder_that_contains_itself_is_read_once(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_photo(source / "images/a.jpg")
    write_mask(source / "masks/a.png", half(0, 1))
    (source / "images/again").symlink_to(source)
    assert run_import("folders", source, devkit, *CLASSES) == 0
    assert all_ids(devkit) == ["a"]
    assert report(devkit)["findings"] == []


def test_a_name_that_several_images_have_is_not_guessed(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    for number, name in enumerate(("one/x", "two/x", "two/y")):
        write_photo(source / f"images/{name}.jpg", seed=number)
        write_mask(source / f"masks/{name}.png", half(0, 1))
    (source / "train.txt").write_text("x\ny\n")
    (source / "val.txt").write_text("# x is in two folders\none/x\n")
    assert run_import("folders", source, devkit, *CLASSES) == 0
    assert lists(devkit) == {"train": ["two_y"], "val": ["one_x"]}
    assert found(devkit, "no photo and mask") == ["x"]
    assert found(devkit, "in no split of the source") == ["two/x"]


@pytest.mark.parametrize(("left", "top"), [(-1, -2), (WIDTH - 3, HEIGHT - 2), (-1, HEIGHT - 2)])
def test_a_bitmap_over_an_edge_is_cut_off(left: int, top: int) -> None:
    pytest.importorskip("pycocotools")
    from tfds_voc_seg.importers.shapes import bitmap_rle, paint

    bitmap = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1], [1, 0, 0, 1]], bool)
    classes = np.zeros((HEIGHT, WIDTH), np.uint8)
    paint(classes, bitmap_rle(bitmap, left, top, (HEIGHT, WIDTH)), 1)
    padded = np.zeros((HEIGHT + 8, WIDTH + 8), np.uint8)
    padded[top + 4 : top + 8, left + 4 : left + 8] = bitmap
    np.testing.assert_array_equal(classes, padded[4 : HEIGHT + 4, 4 : WIDTH + 4])
