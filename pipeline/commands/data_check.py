"""`vocseg data check`: prints what a devkit holds and what is wrong with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE, counted, fail, start_tensorflow
from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.problems import DevkitError, Problem

if TYPE_CHECKING:
    import numpy as np

    from tfds_voc_seg.devkit.check import DevkitReport, PhotoSize, SplitSummary

    Example = tuple[str, np.ndarray, np.ndarray]
    """Image id, image uint8 [height, width, 3], class map uint8 [height, width]."""


def check(folder: Path) -> int:
    """Reads every photo and mask of a devkit; prints what is wrong and what is there.

    Args:
        folder: a devkit, or the folder above it.

    Returns:
        The exit status: 0 clean, 1 problems, 2 not a devkit.
    """
    try:
        devkit = find_devkit(folder)
    except DevkitError as error:
        return fail(str(error), EXIT_USAGE)
    start_tensorflow()
    from tfds_voc_seg.devkit.check import check_devkit

    bar = tqdm(unit="pair", leave=False, disable=not sys.stderr.isatty())

    def advance(done: int, total: int) -> None:
        bar.total = total
        bar.update()

    try:
        with bar:
            report = check_devkit(devkit, on_pair=advance)
    except (ValueError, OSError) as error:  # a list that is missing, empty or not text
        return fail(str(error), EXIT_FAILED)
    print(_report_text(report))  # noqa: T201
    return EXIT_FAILED if report.problems else 0


def _report_text(report: DevkitReport) -> str:
    blocks = [
        _problem_text(split.split, problem, report.devkit) for split in report.splits for problem in split.problems
    ]
    summaries = {split.split: split.summary for split in report.splits}
    blocks.append(_table(_class_rows(summaries)))
    blocks.append(_table(_size_rows(summaries)))
    totals = " and ".join(f"{summary.images} {split}" for split, summary in summaries.items())
    verdict = f"{counted(len(report.problems), 'problem')}, listed above" if report.problems else "no problems"
    blocks.append(f"{report.devkit}: {totals} images are good; {verdict}")
    return "\n\n".join(blocks)


def _problem_text(split: str, problem: Problem, devkit: str) -> str:
    file = problem.file.removeprefix(f"{devkit}{os.sep}")
    return f"{split} {problem.image_id}: {file}\n  {problem.what}\n  → {problem.advice}"


def _class_rows(summaries: dict[str, SplitSummary]) -> list[list[str]]:
    """A row a class, for each split the number of images that hold it and its share of the valid pixels."""
    heading = ["class"]
    for split in summaries:
        heading += [f"{split} images", "pixels"]
    rows = [heading]
    for classes in zip(*(summary.classes for summary in summaries.values()), strict=True):
        row = [classes[0].name]
        for count in classes:
            row += [str(count.images), f"{count.pixel_share:.2%}"] if count.images else ["absent", ""]
        rows.append(row)
    void = ["void (share of all)"]
    for summary in summaries.values():
        void += ["", f"{summary.void_share:.2%}"]
    return [*rows, void]


def _size_rows(summaries: dict[str, SplitSummary]) -> list[list[str]]:
    def sizes(*found: PhotoSize | None) -> list[str]:
        return [str(size or "") for size in found]

    rows = [[split, *sizes(summary.smallest, summary.median, summary.largest)] for split, summary in summaries.items()]
    return [["photos (width×height)", "smallest", "median", "largest"], *rows]


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Lines up columns, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
