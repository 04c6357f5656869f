"""The text that `vocseg data check` prints: the problems of a devkit, its classes and its photo sizes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tfds_voc_seg.devkit.check import DevkitReport, PhotoSize, SplitSummary
    from tfds_voc_seg.devkit.near_duplicates import NearDuplicate
    from tfds_voc_seg.devkit.problems import Problem

_SHOWN_DUPLICATES = 20


def devkit_report_text(report: DevkitReport) -> str:
    """Formats a devkit's report.

    Returns:
        Each problem with the advice, what looks wrong in the masks as a whole, notes, a table of classes, a table of
        photo sizes, the photos that are nearly the same in different splits, and a last line with the totals.
    """
    blocks = [
        _problem_text(split.split, problem, report.devkit) for split in report.splits for problem in split.problems
    ]
    suspicions = [f"{split.split}: {suspicion}" for split in report.splits for suspicion in split.suspicions]
    blocks += suspicions
    blocks += [f"note: {note}" for note in report.notes]
    summaries = {split.split: split.summary for split in report.splits}
    blocks.append(text_table(_class_rows(summaries)))
    blocks.append(text_table(_size_rows(summaries)))
    if report.near_duplicates is None:
        blocks.append("near-duplicate photos were not searched for: install the extra `check` (imagehash)")
    elif report.near_duplicates:
        blocks.append(_duplicates_text(report.near_duplicates))
    totals = " and ".join(f"{summary.images} {split}" for split, summary in summaries.items())
    verdict = f"{counted(len(report.problems), 'problem')}, listed above" if report.problems else "no problems"
    if suspicions:
        verdict += f"; {counted(len(suspicions), 'warning')} about the masks, listed above"
    blocks.append(f"{report.devkit}: {totals} images are good; {verdict}")
    return "\n\n".join(blocks)


def counted(number: int, noun: str) -> str:
    """Returns a number and its noun, in the plural unless the number is 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _problem_text(split: str, problem: Problem, devkit: str) -> str:
    file = problem.file.removeprefix(f"{devkit}{os.sep}")
    return f"{split} {problem.image_id}: {file}\n  {problem.what}\n  → {problem.advice}"


def _duplicates_text(duplicates: Sequence[NearDuplicate]) -> str:
    lines = [
        f"  {pair.split} {pair.image_id} and {pair.other_split} {pair.other_image_id} "
        f"({pair.distance} of 256 bits differ)"
        for pair in duplicates[:_SHOWN_DUPLICATES]
    ]
    if len(duplicates) > _SHOWN_DUPLICATES:
        lines.append(f"  … and {len(duplicates) - _SHOWN_DUPLICATES} more")
    heading = f"{counted(len(duplicates), 'pair')} of nearly equal photos in different splits"
    advice = "  → list photos of the same scene in one split; otherwise the figures on the later split are too good"
    return "\n".join([f"{heading}:", *lines, advice])


def _class_rows(summaries: dict[str, SplitSummary]) -> list[list[str]]:
    """Returns one row per class: per split, the number of images with the class and its share of the valid pixels."""
    heading = ["class"]
    for split in summaries:
        heading += [f"{split} images", "pixels"]
    rows = [heading]
    for classes in zip(*(summary.classes for summary in summaries.values()), strict=True):
        row = [classes[0].name]
        for count in classes:
            row += [str(count.images), f"{count.pixel_share:.2%}"] if count.images else ["absent", ""]
        rows.append(row)
    void = ["void (share of all pixels)"]
    for summary in summaries.values():
        void += ["", f"{summary.void_share:.2%}"]
    return [*rows, void]


def _size_rows(summaries: dict[str, SplitSummary]) -> list[list[str]]:
    def texts(*sizes: PhotoSize | None) -> list[str]:
        return [str(size or "") for size in sizes]

    rows = [[split, *texts(summary.smallest, summary.median, summary.largest)] for split, summary in summaries.items()]
    return [["photos (width×height)", "smallest", "median", "largest"], *rows]


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """Returns rows as lines with aligned columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
