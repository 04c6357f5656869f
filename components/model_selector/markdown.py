"""Markdown for the model card: tables, lists and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NOT_MEASURED = "not measured"


def decimal(value: float | None) -> str:
    """Formats a metric with four decimals, or as `not measured`."""
    return NOT_MEASURED if value is None else f"{value:.4f}"


def enumeration(names: Iterable[str]) -> str:
    """Joins names to `a, b and c`; there must be at least one."""
    *first, last = [str(name) for name in names]
    return f"{', '.join(first)} and {last}" if first else last


def bullets(lines: Sequence[str]) -> str:
    """Formats lines as a list."""
    return "\n".join(f"- {line}" for line in lines)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Formats a table; the first column is left-aligned, the others are right-aligned."""
    rule = ["---", *("---:" for _ in columns[1:])]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in [columns, rule, *rows])
