from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.measuring.linked_devkit import write_linked_devkit
from benchmarks.scale import SMALL, Cost, measure, time_row
from tests.conftest import TRAIN_IMAGES
from tfds_voc_seg.devkit.splits import read_splits

COUNTS = (290, 2_900, 29_000)


def test_a_linked_devkit_has_each_pair_many_times_and_takes_the_disk_of_one(devkit: Path, tmp_path: Path) -> None:
    folder = tmp_path / "VOC2012"
    write_linked_devkit(devkit, folder, {"train": 2, "val": 1}, copies=3)
    originals, linked = read_splits(devkit), read_splits(folder)
    assert {split: len(listing.pairs) for split, listing in linked.items()} == {"train": 6, "val": 3}
    assert not any(listing.problems for listing in linked.values())
    for split, listing in linked.items():
        for number, pair in enumerate(listing.pairs):
            original = originals[split].pairs[number % (len(listing.pairs) // 3)]
            for file, source in ((pair.photo, original.photo), (pair.mask, original.mask)):
                assert Path(file).read_bytes() == Path(source).read_bytes()
                assert Path(file).stat().st_nlink == 3
                assert Path(source).stat().st_nlink == 1


def test_the_start_of_a_job_is_not_part_of_the_time_per_further_pair() -> None:
    row = time_row(COUNTS, [Cost(20 + 0.002 * count, 1, 1) for count in COUNTS])
    assert row.rounds[0] == pytest.approx((2, 2))
    assert row.meets_target
    assert row.name == "CPU time of conversion per further pair, 2,900 to 29,000"
    assert row.remark == "20.6, 25.8 and 78.0 s for 290, 2,900 and 29,000 pairs"


def test_time_that_grows_faster_than_the_data_misses_the_target() -> None:
    row = time_row(COUNTS, [Cost(20 + 1e-8 * count**2 + 0.0001 * count, 1, 1) for count in COUNTS])
    assert not row.meets_target


@pytest.mark.slow
def test_each_pair_of_a_devkit_is_converted_as_often_as_it_occurs(devkit: Path) -> None:
    once, twice = measure(devkit, SMALL, TRAIN_IMAGES, (1, 2))
    assert twice.size == pytest.approx(2 * once.size, rel=0.02)
    assert all(cost.seconds > 0 and cost.peak > 0.1 for cost in (once, twice))
