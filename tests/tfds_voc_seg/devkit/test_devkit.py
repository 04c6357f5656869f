from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tfds_voc_seg.devkit.fingerprint import fingerprint
from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.devkit.splits import describe_train_split, read_splits


def test_a_devkit_is_found_from_its_parent_folders(own_devkit: Path) -> None:
    nested = own_devkit.parent / "root" / "VOCdevkit" / "VOC2012"
    nested.parent.mkdir(parents=True)
    own_devkit.rename(nested)
    for start in (nested, nested.parent, nested.parent.parent):
        assert find_devkit(start) == nested


def test_another_folder_is_not_a_devkit(tmp_path: Path) -> None:
    with pytest.raises(DevkitError, match=r"is not a VOC devkit: it has no JPEGImages.*Use the folder that contains"):
        find_devkit(tmp_path)


def test_pairs_are_in_the_order_of_the_list(devkit: Path) -> None:
    pairs = read_splits(devkit)["val"].pairs
    ids = (devkit / "ImageSets/Segmentation/val.txt").read_text().split()
    assert [pair.image_id for pair in pairs] == ids
    assert all(Path(pair.photo).is_file() and Path(pair.mask).is_file() for pair in pairs)


def test_problems_of_a_list_are_reported_and_valid_pairs_kept(own_devkit: Path) -> None:
    photo, mask = (sorted((own_devkit / folder).iterdir()) for folder in ("JPEGImages", "SegmentationClass"))
    photo[0].unlink()
    mask[1].write_bytes(b"")
    photo[2].write_bytes(b"")
    mask[2].unlink()
    list_file = own_devkit / "ImageSets/Segmentation/train.txt"
    val_id = (own_devkit / "ImageSets/Segmentation/val.txt").read_text().split()[0]
    list_file.write_text(list_file.read_text() + f"{photo[3].stem}\nsub/folder\n{val_id}\n")
    listings = read_splits(own_devkit)
    assert [str(problem).split("; ")[0] for problem in listings["train"].problems] == [
        f"{photo[0].stem}: {photo[0]} is missing",
        f"{photo[1].stem}: {mask[1]} is an empty file",
        f"{photo[2].stem}: {photo[2]} is an empty file",
        f"{photo[2].stem}: {mask[2]} is missing",
        f"{photo[3].stem}: {list_file} lists it twice",
        f"sub/folder: {list_file} lists a path, not an image id",
        f"{val_id}: {list_file} lists an image that val.txt also lists",
    ]
    assert [pair.image_id for pair in listings["train"].pairs] == [photo[3].stem]
    assert val_id in [pair.image_id for pair in listings["val"].pairs]  # an image in both lists stays in val


@pytest.mark.parametrize(("content", "problem"), [(None, "is missing"), ("", "is empty")])
def test_a_missing_or_empty_list(own_devkit: Path, content: str | None, problem: str) -> None:
    list_file = own_devkit / "ImageSets/Segmentation/val.txt"
    list_file.unlink()
    if content is not None:
        list_file.write_text(content)
    with pytest.raises(DevkitError, match=problem):
        read_splits(own_devkit)


def test_a_list_that_is_not_a_text_file(own_devkit: Path) -> None:
    (own_devkit / "ImageSets/Segmentation/val.txt").write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(DevkitError, match=r"val\.txt is not a text file"):
        read_splits(own_devkit)


@pytest.mark.parametrize("folder", ["JPEGImages", "SegmentationClass"])
def test_the_fingerprint_changes_with_one_bit_of_one_file(own_devkit: Path, folder: str) -> None:
    before = fingerprint(own_devkit)
    assert fingerprint(own_devkit) == before
    file = sorted((own_devkit / folder).iterdir())[-1]
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    assert fingerprint(own_devkit) != before


def test_the_fingerprint_changes_when_an_image_changes_split(own_devkit: Path) -> None:
    before = fingerprint(own_devkit)
    train, val = (own_devkit / f"ImageSets/Segmentation/{split}.txt" for split in ("train", "val"))
    first, *rest = train.read_text().split()
    train.write_text("\n".join(rest))
    val.write_text(f"{first}\n{val.read_text()}")
    assert fingerprint(own_devkit) != before


def test_the_source_of_the_train_split_is_described(own_devkit: Path) -> None:
    assert describe_train_split(own_devkit, "sbd_if_present") == "the train split is train.txt with SegmentationClass"
    lists = own_devkit / "ImageSets/Segmentation"
    (lists / "trainaug.txt").write_text((lists / "train.txt").read_text())
    shutil.copytree(own_devkit / "SegmentationClass", own_devkit / "SegmentationClassAug")
    assert "trainaug.txt with SegmentationClassAug" in describe_train_split(own_devkit, "sbd_if_present")
    assert describe_train_split(own_devkit, "voc") == "the train split is train.txt with SegmentationClass"


def test_the_fingerprint_includes_sbds_masks_if_they_are_used(own_devkit: Path) -> None:
    (own_devkit / "SegmentationClassAug").mkdir()
    lists = own_devkit / "ImageSets/Segmentation"
    (lists / "train_aug.txt").write_text((lists / "train.txt").read_text())
    before = [fingerprint(own_devkit, masks) for masks in ("voc", "sbd_if_present", "sbd")]
    assert before[0] != before[1] == before[2]
    image_id = (lists / "train.txt").read_text().split()[0]
    (own_devkit / f"SegmentationClassAug/{image_id}.png").write_text("another mask")
    after = [fingerprint(own_devkit, masks) for masks in ("voc", "sbd_if_present", "sbd")]
    assert after[0] == before[0]
    assert after[1] == after[2] != before[1]
