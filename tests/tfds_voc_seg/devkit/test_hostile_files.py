"""Names that are too long for a file, and links that leave the devkit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.cli import main
from tfds_voc_seg.devkit.check import check_devkit
from tfds_voc_seg.devkit.problems import Problem

if TYPE_CHECKING:
    from pathlib import Path

LISTS = "ImageSets/Segmentation"


def _ids(devkit: Path) -> list[str]:
    return (devkit / LISTS / "train.txt").read_text().split()


@pytest.mark.parametrize("name", ["a" * 300, "雪" * 90])
def test_an_id_that_is_too_long_for_a_file_is_a_problem(own_devkit: Path, name: str) -> None:
    (own_devkit / LISTS / "train.txt").write_text("\n".join([*_ids(own_devkit), name]))
    problems = check_devkit(own_devkit).problems
    assert [problem.image_id for problem in problems] == [name, name]  # photo and mask
    assert {problem.what for problem in problems} == {"cannot be read (File name too long)"}


def test_the_longest_name_of_a_file_is_read(own_devkit: Path, tmp_path: Path) -> None:
    old, new = _ids(own_devkit)[0], "x" * 251
    (own_devkit / "JPEGImages" / f"{old}.jpg").rename(own_devkit / "JPEGImages" / f"{new}.jpg")
    (own_devkit / "SegmentationClass" / f"{old}.png").rename(own_devkit / "SegmentationClass" / f"{new}.png")
    (own_devkit / LISTS / "train.txt").write_text("\n".join([new, *_ids(own_devkit)[1:]]))
    assert check_devkit(own_devkit).problems == ()
    pictures = tmp_path / "pictures"
    assert main(["data", "show", str(own_devkit), "--output", str(pictures), "--split", "train", "--count", "1"]) == 0
    assert [file.stem for file in pictures.iterdir()] == [new]


@pytest.mark.parametrize(("folder", "suffix"), [("JPEGImages", ".jpg"), ("SegmentationClass", ".png")])
def test_a_link_that_leaves_the_devkit_is_not_followed(
    own_devkit: Path, tmp_path: Path, folder: str, suffix: str
) -> None:
    image_id = _ids(own_devkit)[0]
    file = own_devkit / folder / f"{image_id}{suffix}"
    private = file.rename(tmp_path / f"private{suffix}")
    file.symlink_to(private)
    assert check_devkit(own_devkit).problems == (
        Problem(
            image_id,
            str(file),
            f"is a link to {private}, outside of the devkit",
            "replace the link by the file; `cp -rL` copies a devkit so",
        ),
    )


def test_links_in_the_devkit_and_linked_folders_are_followed(own_devkit: Path, tmp_path: Path) -> None:
    photo = own_devkit / "JPEGImages" / f"{_ids(own_devkit)[0]}.jpg"
    photo.rename(own_devkit / "photo.jpg")
    photo.symlink_to("../photo.jpg")
    mask = own_devkit / "SegmentationClass" / f"{_ids(own_devkit)[1]}.png"
    mask.rename(mask.with_name("mask"))
    mask.symlink_to("mask")
    (own_devkit / "SegmentationClass").rename(tmp_path / "masks")
    (own_devkit / "SegmentationClass").symlink_to(tmp_path / "masks")
    assert check_devkit(own_devkit).problems == ()


def test_ids_do_not_steer_the_terminal(own_devkit: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (own_devkit / LISTS / "train.txt").write_text("\n".join([*_ids(own_devkit), "x\x1b[2J\x9b\u202e\x07"]))
    assert main(["data", "check", str(own_devkit)]) == 1
    printed = capfd.readouterr().out
    assert "train x\ufffd[2J\ufffd\ufffd\ufffd: JPEGImages" in printed
    assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(printed)
