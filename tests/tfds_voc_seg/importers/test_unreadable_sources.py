"""Import of sources that lack a part or have one that cannot be read: images are dropped, sources refused."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from pipeline.commands.data_import import FORMATS
from pipeline.commands.terminal import EXIT_USAGE
from tests.tfds_voc_seg.importers.made_sources import all_ids, found, half, report, run_import, write_mask, write_photo

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("--classes", "background,road,car")
LARGEST_LIST = 100_000_000


@pytest.mark.parametrize("name", FORMATS)
def test_a_source_of_no_images_is_refused_by_its_name(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for source in (tmp_path / "missing", tmp_path / "notes.txt"):
        assert run_import(name, source, tmp_path / "devkit") == EXIT_USAGE
        message = capsys.readouterr().err
        assert message.startswith("vocseg: ")
        assert str(source) in message
        (tmp_path / "notes.txt").write_text("no data set\n")
    assert not (tmp_path / "devkit").exists()


def test_photos_whose_pixels_or_header_are_damaged_are_dropped(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    for name in ("good.jpg", "header.png", "pixels.bmp"):
        write_photo(source / f"images/{name}", seed=len(name))
        write_mask(source / f"masks/{name.partition('.')[0]}.png", half(0, 1))
    header, pixels = source / "images/header.png", source / "images/pixels.bmp"
    header.write_bytes(header.read_bytes()[:12])  # the signature of PNG, and no more
    pixels.write_bytes(pixels.read_bytes()[:-40])  # the header promises more
    assert run_import("folders", source, devkit, *CLASSES) == 0
    assert all_ids(devkit) == ["good"]
    assert sorted(found(devkit, "image cannot be read")) == ["header", "pixels"]
    details = [finding["detail"] for finding in report(devkit)["findings"]]
    assert any(str(header) in detail for detail in details)
    assert any(str(pixels) in detail for detail in details)


def test_a_list_of_names_that_cannot_be_read_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_photo(source / "images/a.jpg")
    write_mask(source / "masks/a.png", half(0, 1))
    (source / "train.txt").write_bytes(b"a\n\xff\n")
    assert run_import("folders", source, devkit, *CLASSES) == EXIT_USAGE
    assert f"{source / 'train.txt'} cannot be read as a list: " in capsys.readouterr().err
    os.truncate(source / "train.txt", LARGEST_LIST + 1)  # takes no place on the disk
    assert run_import("folders", source, devkit, *CLASSES) == EXIT_USAGE
    assert f"{source / 'train.txt'} is larger than 100 MB" in capsys.readouterr().err
    assert not devkit.exists()


def test_two_masks_of_one_photo_are_reported(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    write_photo(source / "images/a.jpg")
    for mask in ("a.png", "a.bmp"):
        (source / "masks").mkdir(exist_ok=True)
        Image.fromarray(half(0, 1)).save(source / "masks" / mask)
    assert run_import("folders", source, devkit, *CLASSES) == 0
    assert found(devkit, "duplicate id") == ["a"]


def test_a_mask_of_cityscapes_without_its_photo_is_reported(tmp_path: Path) -> None:
    source, devkit = tmp_path / "source", tmp_path / "devkit"
    for name in ("ulm_0", "ulm_1"):
        write_mask(source / f"gtFine/train/ulm/{name}_gtFine_labelIds.png", half(7, 26))
    write_photo(source / "leftImg8bit/train/ulm/ulm_0_leftImg8bit.png")
    assert run_import("cityscapes", source, devkit) == 0
    assert all_ids(devkit) == ["ulm_0"]
    assert found(devkit, "no photo") == ["ulm/1"]


def test_an_object_list_of_ade20k_without_numbers_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    write_photo(source / "images/training/a.jpg")
    write_mask(source / "annotations/training/a.png", half(0, 2))
    (source / "objectInfo150.txt").write_text("Idx\tName\n")
    assert run_import("ade20k", source, tmp_path / "devkit") == EXIT_USAGE
    assert "objectInfo150.txt has no line that begins with the number of a class" in capsys.readouterr().err
