"""The rates on a GPU, measured with a tiny network on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import gpu_rates
from benchmarks.measuring.options import Options
from tests.components.networks.tiny_network import TINY

if TYPE_CHECKING:
    import pytest


def test_a_network_has_rows_for_its_steps_its_start_and_the_time_between_epochs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpu_rates, "NETWORKS", ((TINY, 32, 3),))
    monkeypatch.setattr(gpu_rates, "SECONDS_TO_START", {(TINY, "float32"): 21.5})
    monkeypatch.setattr(gpu_rates, "INPUT_SIZE", 32)
    monkeypatch.setattr(gpu_rates, "BATCH", 2)
    rows = list(gpu_rates.rows_on("a device", Options(quick=True, rounds=1)))
    assert [(row.name.split(" of ")[0], row.unit) for row in rows] == [
        ("input pipeline at 32 pixels, flips, scaling and colours", "ms/image"),
        ("training step", "ms/image"),
        ("first epoch", "s"),
        ("between two epochs", "s"),
    ]
    limits = [(row.target.limit, row.target.of) for row in rows if row.target]
    assert limits == [(1000 / 1500, "value"), (1.031, "ratio"), (21.5, "value"), (0.5, "value")]
    assert all(row.remark.startswith("a device") for row in rows[1:])
    start, between = rows[2:]
    assert start.value > between.value  # TensorFlow traces the step in the first epoch only
