from __future__ import annotations

import pytest

from benchmarks.measuring.memory import flat_memory, peak_memory_of_process
from benchmarks.measuring.options import Options


def peak_with_megabytes(count: int, each: int) -> float:
    held = [bytes(range(256)) * (4096 * each) for _ in range(count)]
    assert len(held) == count
    return peak_memory_of_process()


@pytest.mark.parametrize(("each", "flat"), [(0, True), (1, False)])
def test_memory_that_grows_is_not_flat(each: int, flat: bool) -> None:
    row = flat_memory("the test", "blocks", peak_with_megabytes, (2, 90), Options(rounds=1), each)
    assert (row.name, row.reference) == ("peak memory of the test, 90 blocks", "the same with 2 blocks")
    assert row.meets_target is flat
    assert row.unit == "GB"
    assert 0.005 < row.reference_value < 0.2
