"""Near-duplicate photos across splits: changed copies are found, different scenes are not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from pipeline.display.devkit_report import devkit_report_text
from tfds_voc_seg.devkit import check, near_duplicates
from tfds_voc_seg.devkit.check import check_devkit
from tfds_voc_seg.devkit.near_duplicates import MAX_DISTANCE, photo_hash
from tfds_voc_seg.devkit.splits import read_splits

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "same": lambda photo: photo,
    "smaller": lambda photo: photo.resize((photo.width // 2, photo.height // 2)),
    "brighter": lambda photo: ImageEnhance.Brightness(photo).enhance(1.2),
    "grey": lambda photo: photo.convert("L").convert("RGB"),
    "cropped": lambda photo: photo.crop((4, 4, photo.width - 4, photo.height - 4)),
}


def test_different_scenes_are_no_duplicates(devkit: Path) -> None:
    assert check_devkit(devkit).near_duplicates == ()


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_in_another_split_is_found(change: str, own_devkit: Path) -> None:
    train, val = (listing.pairs for listing in read_splits(own_devkit).values())
    with Image.open(train[1].photo) as photo:
        copy = CHANGES[change](photo.convert("RGB"))
    copy.save(val[0].photo, quality=40)
    Image.fromarray(np.zeros((copy.height, copy.width), np.uint8)).save(val[0].mask)
    report = check_devkit(own_devkit)
    assert report.near_duplicates is not None
    (found,) = report.near_duplicates
    assert (found.split, found.image_id, found.other_split, found.other_image_id) == (
        "train",
        train[1].image_id,
        "val",
        val[0].image_id,
    )
    assert report.problems == ()
    text = devkit_report_text(report)
    assert "1 pair of nearly equal photos in different splits" in text
    assert f"train {train[1].image_id} and val {val[0].image_id} ({found.distance} of 256 bits differ)" in text


def test_equal_photos_of_one_split_are_not_compared(own_devkit: Path) -> None:
    train = read_splits(own_devkit)["train"].pairs
    Path(train[1].photo).write_bytes(Path(train[0].photo).read_bytes())
    Path(train[1].mask).write_bytes(Path(train[0].mask).read_bytes())
    assert check_devkit(own_devkit).near_duplicates == ()


def test_without_imagehash_the_report_says_that_nothing_was_compared(
    own_devkit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "hashing_available", lambda: False)
    report = check_devkit(own_devkit)
    assert report.near_duplicates is None
    assert "near-duplicate photos were not searched for: install" in devkit_report_text(report)


def hashes(number: int, rng: np.random.Generator) -> dict[str, NDArray[np.uint64]]:
    """Hashes that lie close together, so that many pairs are below the limit and many above."""
    bits = rng.random((number, 256)) < 0.13
    return {f"image_{index}": np.packbits(row).view(np.uint64) for index, row in enumerate(bits)}


@given(sizes=st.tuples(*[st.integers(0, 12)] * 3), seed=st.integers(0, 99), block=st.integers(1, 40))
def test_the_nearest_photo_of_each_later_split_is_found(sizes: tuple[int, ...], seed: int, block: int) -> None:
    rng = np.random.default_rng(seed)
    by_split = {split: hashes(size, rng) for split, size in zip(("train", "val", "test"), sizes, strict=True)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "_BLOCK", block)
        found = near_duplicates.near_duplicates(by_split)
    expected = []
    for split, other in (("train", "val"), ("train", "test"), ("val", "test")):
        for one in by_split[split].values():
            distances = [int(np.bitwise_count(one ^ two).sum()) for two in by_split[other].values()]
            expected += [min(distances)] if distances and min(distances) <= MAX_DISTANCE else []
    assert [pair.distance for pair in found] == sorted(expected)
    for pair in found:
        one, two = by_split[pair.split][pair.image_id], by_split[pair.other_split][pair.other_image_id]
        assert pair.distance == np.bitwise_count(one ^ two).sum()


def test_a_photo_of_one_colour_has_a_hash() -> None:
    assert photo_hash(np.full((20, 30, 3), 7, np.uint8)).shape == (4,)
