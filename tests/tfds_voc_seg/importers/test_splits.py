"""Division into splits: every image in one split, groups whole, shares kept, the source's own splits respected."""

from __future__ import annotations

import collections
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfds_voc_seg.importers.source import SourceError, SourceImage, Split
from tfds_voc_seg.importers.splits import SplitOptions, assign_splits, counts, group_key, split_by_share

SHARES = st.floats(0, 0.45)
OPTIONS = st.builds(SplitOptions, val=SHARES, test=SHARES, seed=st.integers())
VAL: Split = "val"
GROUPS = st.dictionaries(st.text("abcdef", min_size=1), st.text("xyz", max_size=2), max_size=60)


def images(**splits: Split | None) -> dict[str, SourceImage]:
    """Images with the given ids and splits; the name of `a_1` is `a/1`."""
    return {
        image_id: SourceImage(image_id.replace("_", "/"), Path(image_id), split, lambda size: np.zeros(size, np.uint8))
        for image_id, split in splits.items()
    }


@given(GROUPS, OPTIONS)
def test_every_image_is_in_one_split_and_no_group_is_divided(groups: dict[str, str], options: SplitOptions) -> None:
    assigned = split_by_share(groups, options)
    assert assigned.keys() == groups.keys()
    assert set(assigned.values()) <= options.shares.keys()
    splits_of = collections.defaultdict(set)
    for image_id, split in assigned.items():
        splits_of[groups[image_id]].add(split)
    assert all(len(splits) == 1 for splits in splits_of.values())


@given(GROUPS, OPTIONS)
def test_shares_are_kept_within_the_largest_group(groups: dict[str, str], options: SplitOptions) -> None:
    assigned = split_by_share(groups, options)
    sizes = collections.Counter(groups.values())
    largest = max(sizes.values(), default=0)
    wanted = {split: share * len(groups) for split, share in options.shares.items()}
    # A split that must not be empty may take a whole group more than its share from the others.
    slack = sum(largest for share in wanted.values() if share < largest)
    for split, share in wanted.items():
        count = sum(value == split for value in assigned.values())
        assert share - largest - slack - 1e-6 <= count <= share + largest + 1e-6
    if len(sizes) >= len(wanted):
        assert set(assigned.values()) == wanted.keys()


@given(st.sets(st.text("abcdef", min_size=1), min_size=10, max_size=60), st.integers())
def test_without_groups_shares_are_kept_within_one_image(ids: set[str], seed: int) -> None:
    assigned = split_by_share({image_id: image_id for image_id in ids}, SplitOptions(0.2, 0.1, seed))
    for split, share in {"train": 0.7, "val": 0.2, "test": 0.1}.items():
        assert abs(sum(value == split for value in assigned.values()) - share * len(ids)) <= 1 + 1e-6


@given(GROUPS, OPTIONS, st.randoms())
def test_the_order_of_the_images_does_not_matter(groups: dict[str, str], options: SplitOptions, random: object) -> None:
    shuffled = list(groups)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert split_by_share(groups, options) == split_by_share({name: groups[name] for name in shuffled}, options)


def test_another_seed_divides_differently() -> None:
    groups = {str(number): str(number) for number in range(40)}
    assert split_by_share(groups, SplitOptions(seed=1)) != split_by_share(groups, SplitOptions(seed=2))


def test_splits_of_the_source_are_used() -> None:
    assert assign_splits(images(a="train", b="val", c="test"), SplitOptions()) == {
        "a": "train",
        "b": "val",
        "c": "test",
    }


def test_without_val_images_the_training_images_are_divided() -> None:
    given_splits: dict[str, Split | None] = {str(number): "train" for number in range(10)}
    assigned = assign_splits(images(**given_splits, z="test"), SplitOptions())
    assert assigned["z"] == "test"
    assert counts(assigned) == {"train": 8, "val": 2, "test": 1}


def test_an_option_replaces_the_splits_of_the_source() -> None:
    assigned = assign_splits(
        images(**dict.fromkeys((f"{i % 3}_{i}" for i in range(9)), VAL)), SplitOptions(val=0.34, group="folder")
    )
    assert counts(assigned) == {"train": 6, "val": 3}
    assert len({image_id[0] for image_id, split in assigned.items() if split == "val"}) == 1


@pytest.mark.parametrize(
    ("name", "group", "key"),
    [
        ("a/b/c", "folder", "a/b"),
        ("c", "folder", ""),
        ("s12_f3", r"s\d+", "s12"),
        ("s12_f3", r"s(\d+)", "12"),
        ("ab", "a(x)?", "a"),
    ],
)
def test_keys_of_groups(name: str, group: str, key: str) -> None:
    assert group_key(name, group) == key


def test_wrong_options_are_refused() -> None:
    with pytest.raises(SourceError, match="does not match the image 'x'"):
        assign_splits(images(x=None), SplitOptions(group="y"))
    with pytest.raises(SourceError, match="is not a regular expression"):
        SplitOptions(group="(")
    for shares in ((1.0, None), (-0.1, None), (0.5, 0.5), (float("nan"), None)):
        with pytest.raises(SourceError, match="each must be at least 0, their sum below 1"):
            SplitOptions(*shares)
