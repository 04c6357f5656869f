"""A devkit with masks for its test list has a third split; VOC's own test list, which has none, changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.display.devkit_report import devkit_report_text
from tests.split_lists import move_to_test_split
from tfds_voc_seg.devkit.check import check_devkit
from tfds_voc_seg.devkit.fingerprint import fingerprint
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.devkit.splits import read_splits, read_train_aug, read_training_splits, split_names
from tfds_voc_seg.records.files import evaluation_split

if TYPE_CHECKING:
    from pathlib import Path

TRAIN_IMAGES, VAL_IMAGES = 4, 2  # of `own_devkit`


def test_a_test_list_with_masks_is_a_split(own_devkit: Path) -> None:
    assert split_names(own_devkit) == ("train", "val")
    moved = move_to_test_split(own_devkit, 3)
    assert split_names(own_devkit) == ("train", "val", "test")
    for listings in (read_splits(own_devkit), read_training_splits(own_devkit, "voc")):
        assert {split: len(listing.pairs) for split, listing in listings.items()} == {
            "train": TRAIN_IMAGES - 3,
            "val": VAL_IMAGES,
            "test": 3,
        }
        assert [pair.image_id for pair in listings["test"].pairs] == moved
    assert [report.summary.images for report in check_devkit(own_devkit).splits] == [TRAIN_IMAGES - 3, VAL_IMAGES, 3]


def test_a_test_list_without_masks_changes_nothing(own_devkit: Path) -> None:
    before = fingerprint(own_devkit), read_splits(own_devkit)
    (own_devkit / "ImageSets/Segmentation/test.txt").write_text("2008_000006\n2008_000011\n")
    assert split_names(own_devkit) == ("train", "val")
    assert (fingerprint(own_devkit), read_splits(own_devkit)) == before


def test_the_check_notes_a_test_list_without_masks(own_devkit: Path) -> None:
    assert check_devkit(own_devkit).notes == ()
    (own_devkit / "ImageSets/Segmentation/test.txt").write_text("2008_000006\n2008_000011\n")
    report = check_devkit(own_devkit)
    assert "note: none of the 2 images of test.txt has a mask: there is no test split" in devkit_report_text(report)
    assert report.problems == ()
    move_to_test_split(own_devkit, 1)
    assert check_devkit(own_devkit).notes == ()


def test_a_test_image_without_mask_is_a_problem(own_devkit: Path) -> None:
    moved = move_to_test_split(own_devkit, 3)
    (own_devkit / f"SegmentationClass/{moved[0]}.png").unlink()
    listing = read_splits(own_devkit)["test"]
    assert [problem.image_id for problem in listing.problems] == [moved[0]]
    assert [pair.image_id for pair in listing.pairs] == moved[1:]


def test_a_test_image_is_in_no_other_split(own_devkit: Path) -> None:
    moved = move_to_test_split(own_devkit, 3)
    lists = own_devkit / "ImageSets/Segmentation"
    for split in ("train", "val"):
        (lists / f"{split}.txt").write_text(f"{(lists / f'{split}.txt').read_text()}\n{moved[0]}\n")
    listings = read_splits(own_devkit)
    for split in ("train", "val"):
        assert moved[0] not in {pair.image_id for pair in listings[split].pairs}
        assert "also lists" in str(listings[split].problems[0])
    assert moved[0] in {pair.image_id for pair in listings["test"].pairs}


def test_test_images_are_not_in_the_enlarged_training_split(own_devkit: Path) -> None:
    (own_devkit / "SegmentationClass").rename(own_devkit / "SegmentationClassAug")
    (own_devkit / "SegmentationClass").symlink_to(own_devkit / "SegmentationClassAug")
    lists = own_devkit / "ImageSets/Segmentation"
    (lists / "train_aug.txt").write_text((lists / "trainval.txt").read_text())
    moved = move_to_test_split(own_devkit, 3)
    enlarged = read_train_aug(own_devkit)
    assert enlarged is not None
    assert len(enlarged.pairs) == TRAIN_IMAGES - 3
    assert not {pair.image_id for pair in enlarged.pairs} & set(moved)


def test_the_fingerprint_includes_the_test_split(own_devkit: Path) -> None:
    moved = move_to_test_split(own_devkit, 3)
    before = fingerprint(own_devkit)
    mask = own_devkit / f"SegmentationClass/{moved[0]}.png"
    mask.write_bytes(mask.read_bytes()[:-1] + b"\x01")
    assert fingerprint(own_devkit) != before


def test_an_empty_test_list_is_an_error(own_devkit: Path) -> None:
    (own_devkit / "ImageSets/Segmentation/test.txt").write_text("")
    with pytest.raises(DevkitError, match=r"test\.txt is empty"):
        read_splits(own_devkit)


@pytest.mark.parametrize(("splits", "expected"), [(("train", "val"), "val"), (("train", "val", "test"), "test")])
def test_the_split_that_models_are_compared_by(splits: tuple[str, ...], expected: str) -> None:
    assert evaluation_split(splits) == expected
