"""The stored results, and the page that shows them."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measuring.results import read_results
from benchmarks.measuring.table import results_text

PROJECT = Path(__file__).parents[2]
BASELINE = read_results(PROJECT / "benchmarks/baseline.json")


def test_the_page_shows_the_stored_results() -> None:
    assert results_text(BASELINE) in (PROJECT / "docs/benchmarks.md").read_text(), (
        "put the table that `python -m benchmarks` printed into docs/benchmarks.md"
    )


def test_the_stored_results_are_of_a_quick_run_on_the_sample() -> None:
    assert BASELINE.quick
    assert not BASELINE.devkit
    assert len(BASELINE.rows) >= 14
