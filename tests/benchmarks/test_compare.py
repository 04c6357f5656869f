from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import compare as command
from benchmarks.measuring.comparison import MARGIN, Change, compare, spread
from benchmarks.measuring.machine import Machine
from benchmarks.measuring.results import Results, write_results
from benchmarks.measuring.row import Row

if TYPE_CHECKING:
    from pathlib import Path

MACHINE = Machine("CPU", 2, 8.0, "glibc 2.36", 0.0)
ratios = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=7)


def row(*ratios_of_rounds: float, name: str = "reading") -> Row:
    return Row(name, "codecs", "s", tuple((ratio, 1.0) for ratio in ratios_of_rounds))


def results(*rows: Row, quick: bool = True, versions: dict[str, str] | None = None) -> Results:
    return Results(rows, MACHINE, versions or {"numpy": "2.0"}, quick=quick)


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ((1.0, 1.1), (1.13, 1.2), "slower"),
        ((1.0, 1.1), (1.09, 1.3), "as before"),
        ((1.13, 1.2), (1.0, 1.1), "faster"),
        ((1.0,), (1.09,), "as before"),
        ((1.0,), (1.11,), "slower"),
    ],
)
def test_only_a_change_beyond_both_spreads_counts(
    before: tuple[float, ...], after: tuple[float, ...], outcome: str
) -> None:
    assert Change(row(*before), row(*after)).outcome == outcome


@given(ratios, ratios)
def test_the_comparison_is_antisymmetric(before: list[float], after: list[float]) -> None:
    opposite = {"slower": "faster", "faster": "slower", "as before": "as before"}
    outcome = Change(row(*before), row(*after)).outcome
    assert Change(row(*after), row(*before)).outcome == opposite[outcome]
    assert Change(row(*before), row(*before)).outcome == "as before"


@given(ratios, st.floats(1.001, 100))
def test_what_takes_longer_in_every_round_never_counts_as_faster(before: list[float], factor: float) -> None:
    after = [ratio * factor for ratio in before]
    outcome = Change(row(*before), row(*after)).outcome
    assert outcome != "faster"
    if min(after) > max(before) * (1 + MARGIN) ** 2 / (1 - MARGIN):
        assert outcome == "slower"


@given(ratios)
def test_the_spread_holds_every_round_and_the_margin(rounds: list[float]) -> None:
    low, high = spread(row(*rounds))
    assert low <= min(rounds) <= max(rounds) <= high
    assert high - low >= 2 * MARGIN * row(*rounds).ratio * 0.999


def test_rows_are_paired_by_name_and_reference() -> None:
    before, after = results(row(1), row(2, name="gone")), results(row(3, name="new"), row(1.2))
    assert [change.outcome for change in compare(before, after)] == [
        "only in the second",
        "slower",
        "only in the first",
    ]


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, before: Results, after: Results) -> int:
    for name, content in (("before", before), ("after", after)):
        write_results(folder / name, content)
    monkeypatch.setattr(sys, "argv", ["compare", str(folder / "before"), str(folder / "after")])
    return command.main()


def test_the_command_names_what_is_slower_and_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = dataclasses.replace(MACHINE, cores=8)
    before = results(row(1, 1.01), row(5, name="video"))
    after = dataclasses.replace(
        results(row(1.2, 1.3), row(5, name="video"), versions={"numpy": "2.1"}), machine=machine
    )
    assert run(monkeypatch, tmp_path, before, after) == 1
    printed = capsys.readouterr().out
    assert "\nslower: reading, compared with codecs\n" in printed
    assert "slower: video" not in printed
    assert "the versions of numpy differ: 2.0, now 2.1; ratios can be compared, values cannot" in printed
    assert "the machines differ: CPU, 2 cores" in printed


def test_the_command_ends_with_0_if_nothing_is_slower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, results(row(1)), results(row(0.5), row(9, name="new"))) == 0
    printed = capsys.readouterr().out
    assert "nothing is slower beyond its spread" in printed
    assert "differ" not in printed


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (results(row(1), quick=False), "one is of a quick run and the other is not"),
        (dataclasses.replace(results(row(1)), devkit=True), "they measured on different data"),
        (results(row(1, name="other")), "have no row in common"),
    ],
)
def test_results_that_cannot_be_compared_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], after: Results, message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, tmp_path, results(row(1)), after)
    assert ended.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
