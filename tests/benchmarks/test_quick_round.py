"""Each part of `make bench-quick` still measures, and its results equal those of its reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import __main__ as command
from benchmarks.measuring.options import Options

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.parametrize("name", command.BENCHMARKS)
def test_a_quick_benchmark_ends_with_rows(name: str, tmp_path: Path) -> None:
    """A benchmark refuses results that differ from its reference's, and a row refuses values that are not positive."""
    rows = command.measure(name, Options(quick=True), tmp_path / "results.json")
    assert rows or name == "gpu_rates"  # which has none on a machine without a GPU
    assert len({(row.name, row.reference) for row in rows}) == len(rows)
