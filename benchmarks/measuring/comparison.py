"""Compares two results: which rows became slower or larger beyond their spread."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from benchmarks.measuring.table import markdown_table, number, range_text

if TYPE_CHECKING:
    from benchmarks.measuring.results import Results
    from benchmarks.measuring.row import Row

MARGIN = 0.05
"""The spread of a ratio is at least this share of its median: a few rounds can agree by chance, and one always does."""

Outcome = Literal["slower", "faster", "as before", "only in the first", "only in the second"]


@dataclasses.dataclass(frozen=True)
class Change:
    """What became of a row.

    Attributes:
        before: the row in the first results.
        after: the same row in the second.
    """

    before: Row | None
    after: Row | None

    @property
    def outcome(self) -> Outcome:
        """`slower` if the cost grew beyond the spread, `faster` if it shrank beyond it.

        Beyond the spread means that the two spreads, each the range of the rounds' ratios and at least `MARGIN` around
        their median, have no ratio in common.
        """
        if self.after is None:
            return "only in the first"
        if self.before is None:
            return "only in the second"
        (low_before, high_before), (low_after, high_after) = spread(self.before), spread(self.after)
        if low_after > high_before:
            return "slower"
        return "faster" if high_after < low_before else "as before"


def spread(row: Row) -> tuple[float, float]:
    """Returns the lowest and the highest ratio that count as the same as the row's."""
    lowest, *_, highest = (row.ratios[0], *row.ratios)
    return min(lowest, row.ratio * (1 - MARGIN)), max(highest, row.ratio * (1 + MARGIN))


def compare(before: Results, after: Results) -> list[Change]:
    """Pairs the rows of two results by name and reference; the rows that only the first results have come last."""
    old = {(row.name, row.reference): row for row in before.rows}
    new = {(row.name, row.reference): row for row in after.rows}
    return [Change(old.get(key), row) for key, row in new.items()] + [
        Change(row, None) for key, row in old.items() if key not in new
    ]


def differences(before: Results, after: Results) -> list[str]:
    """Describes in which respects, besides the rows, two results differ: one line per difference."""
    lines = []
    if not before.machine.same_hardware(after.machine):
        lines.append(f"the machines differ: {before.machine}; now {after.machine}")
    for package in sorted({*before.versions, *after.versions}):
        old, new = before.versions.get(package, "unknown"), after.versions.get(package, "unknown")
        if old != new:
            lines.append(f"the versions of {package} differ: {old}, now {new}")
    return lines


def comparison_table(changes: list[Change]) -> str:
    """Returns the table of the changes."""
    headings = ("what", "compared with", "ratio before", "ratio now", "range before", "range now", "outcome")
    return markdown_table(headings, [_cells(change) for change in changes])


def _cells(change: Change) -> tuple[str, ...]:
    rows = (change.before, change.after)
    named = change.before or change.after
    assert named is not None
    ratios = (number(row.ratio) if row else "" for row in rows)
    ranges = (range_text(row) if row else "" for row in rows)
    return (named.name, named.reference, *ratios, *ranges, change.outcome)
