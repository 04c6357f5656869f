"""The check reads every pair, counts the valid ones and reports the others."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.conftest import TRAIN_IMAGES, VAL_IMAGES
from tfds_voc_seg.devkit.check import PhotoSize, check_devkit, summarize
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.labels import VOC_CLASSES, VOID

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _counts(**pixels: int) -> NDArray[np.int64]:
    counts = np.zeros(256, np.int64)
    for name, number in pixels.items():
        counts[VOID if name == "void" else VOC_CLASSES.index(name)] = number
    return counts


def test_a_clean_devkit(devkit: Path) -> None:
    calls: list[tuple[int, int]] = []
    report = check_devkit(devkit, on_pair=lambda done, total: calls.append((done, total)))
    total = TRAIN_IMAGES + VAL_IMAGES
    assert calls == [(done, total) for done in range(1, total + 1)]
    assert report.problems == ()
    assert [(split.split, split.summary.images) for split in report.splits] == [
        ("train", TRAIN_IMAGES),
        ("val", VAL_IMAGES),
    ]
    # Counted independently, from the files.
    masks = []
    for pair in read_splits(devkit)["train"].pairs:
        with Image.open(pair.mask) as image:
            masks.append(np.array(image))
    pixels = np.concatenate([mask.ravel() for mask in masks])
    summary = report.splits[0].summary
    assert summary.void_share == pytest.approx(np.mean(pixels == VOID))
    for class_id, count in enumerate(summary.classes):
        assert count.name == VOC_CLASSES[class_id]
        assert count.images == sum(class_id in mask for mask in masks)
        assert count.pixel_share == pytest.approx(np.mean(pixels[pixels != VOID] == class_id))
    areas = sorted(mask.size for mask in masks)
    sizes = (summary.smallest, summary.median, summary.largest)
    assert [size.width * size.height for size in sizes if size] == [areas[0], areas[(len(areas) - 1) // 2], areas[-1]]


def test_a_summary_against_values_computed_by_hand() -> None:
    summary = summarize(
        [PhotoSize(10, 10), PhotoSize(5, 4), PhotoSize(6, 5)],
        [_counts(background=60, dog=20, void=20), _counts(background=20), _counts(dog=10, void=20)],
        VOC_CLASSES,
    )
    assert (summary.smallest, summary.median, summary.largest) == (PhotoSize(5, 4), PhotoSize(6, 5), PhotoSize(10, 10))
    assert summary.void_share == pytest.approx(40 / 150)
    found = {count.name: count for count in summary.classes if count.images}
    assert {name: count.images for name, count in found.items()} == {"background": 2, "dog": 2}
    assert found["background"].pixel_share == pytest.approx(80 / 110)
    assert found["dog"].pixel_share == pytest.approx(30 / 110)


def test_a_summary_of_no_images() -> None:
    summary = summarize([], [], VOC_CLASSES)
    assert (summary.images, summary.void_share, summary.smallest, summary.largest) == (0, 0, None, None)
    assert all((count.images, count.pixel_share) == (0, 0) for count in summary.classes)


def test_all_problems_are_reported_and_their_images_not_counted(own_devkit: Path) -> None:
    train, val = (listing.pairs for listing in read_splits(own_devkit).values())
    Path(train[0].photo).unlink()  # a problem of the list
    with Image.open(train[1].mask) as mask:
        rgb = Image.new("RGB", mask.size, (1, 2, 3))
    rgb.save(train[1].mask)
    Path(val[0].photo).write_text("no photo")
    done = 0

    def advance(now: int, total: int) -> None:
        nonlocal done
        done = now
        assert total == 5  # the pairs whose files exist

    report = check_devkit(own_devkit, on_pair=advance)
    assert done == 5
    assert [split.summary.images for split in report.splits] == [2, 1]
    assert [(problem.image_id, problem.file) for problem in report.problems] == [
        (train[0].image_id, train[0].photo),
        (train[1].image_id, train[1].mask),
        (val[0].image_id, val[0].photo),
    ]
    assert [problem.what.split(" (")[0] for problem in report.problems] == [
        "is missing",
        "contains the colours",
        "cannot be decoded as a photo",
    ]


def test_only_the_requested_splits_are_checked(devkit: Path, own_devkit: Path) -> None:
    assert [split.split for split in check_devkit(devkit, ["val"]).splits] == ["val"]
    (own_devkit / "ImageSets/Segmentation/val.txt").write_text("\n")
    with pytest.raises(DevkitError, match=r"val\.txt is empty"):
        check_devkit(own_devkit)


def test_a_report_is_frozen(devkit: Path) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        check_devkit(devkit, ["val"]).devkit = ""  # type: ignore[misc]  # the assignment that must fail
