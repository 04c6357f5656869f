"""Prints rows as a table in Markdown, which a terminal shows as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.measuring.results import Results
    from benchmarks.measuring.row import Row

HEADINGS = ("what", "measured", "reference", "ratio", "range", "target", "compared with")


def markdown_table(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Returns a table in Markdown whose columns are aligned.

    Args:
        headings: of the columns.
        lines: the cells of each line, as many as there are headings.
    """
    cells = [list(headings), *([cell.replace("|", "\\|") for cell in line] for line in lines)]
    widths = [max(3, *(len(cell) for cell in column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    )


def results_text(results: Results) -> str:
    """Returns the machine, the versions and the table of the rows."""
    sizes = "quick" if results.quick else "full"
    data = "a devkit of the user" if results.devkit else "the embedded sample"
    versions = ", ".join(f"{package} {version}" for package, version in results.versions.items())
    table = markdown_table(HEADINGS, [_cells(row) for row in results.rows])
    return f"{results.machine}; {sizes} run on {data}; {versions}\n\n{table}"


def _cells(row: Row) -> tuple[str, ...]:
    remark = f"; {row.remark}" if row.remark else ""
    return (
        row.name,
        f"{number(row.value)} {row.unit}",
        f"{number(row.reference_value)} {row.unit}",
        number(row.ratio),
        range_text(row),
        target_text(row),
        f"{row.reference}{remark}",
    )


def range_text(row: Row) -> str:
    """Returns the lowest and the highest ratio of a row, and the number of its rounds."""
    rounds = f"{len(row.rounds)} round{'' if len(row.rounds) == 1 else 's'}"
    return f"{number(row.ratios[0])} to {number(row.ratios[-1])}, {rounds}"


def target_text(row: Row) -> str:
    """Returns the target of a row and whether it is met; an empty text without a target."""
    if row.target is None:
        return ""
    unit = f" {row.unit}" if row.target.of == "value" else ""
    return f"≤ {row.target.limit:g}{unit}: {'met' if row.meets_target else 'NOT MET'}"


def number(value: float) -> str:
    """Returns a positive number with three significant digits, without an exponent."""
    digits = 0
    while value < 100 and round(value * 10**digits) < 100 and digits < 6:
        digits += 1
    return f"{value:,.{digits}f}"
