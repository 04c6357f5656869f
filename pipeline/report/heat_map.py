"""A confusion matrix as rows of a table whose cells are coloured: readable by eye, by keyboard and by screen reader."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

STEPS = 10
"""The page has a colour for each tenth of a row, and one for none."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """Where some of a true class's pixels went.

    Attributes:
        text: their share in percent, rounded; what is not quite 0 or 100 is not shown as such.
        step: the colour's number, 0 to `STEPS`.
        pixels: how many they are.
        right: whether the prediction is right.
    """

    text: str
    step: int
    pixels: int
    right: bool


@dataclasses.dataclass(frozen=True)
class Row:
    """A true class.

    Attributes:
        name: the class.
        pixels: of the truth.
        cells: one a predicted class; empty where the class is absent from the truth.
    """

    name: str
    pixels: int
    cells: tuple[Cell, ...]


def heat_map_rows(confusion: Sequence[Sequence[int]], class_names: Sequence[str]) -> list[Row]:
    """Normalises a confusion matrix by its rows.

    Args:
        confusion: int [K, K]; row: true class, column: predicted class.
        class_names: K names.

    Returns:
        K rows.
    """
    rows = []
    for index, (name, counts) in enumerate(zip(class_names, confusion, strict=True)):
        total = sum(counts)
        cells = [
            Cell(_percent(pixels / total), round(STEPS * pixels / total), pixels, column == index)
            for column, pixels in enumerate(counts)
            if total
        ]
        rows.append(Row(name, total, tuple(cells)))
    return rows


def _percent(share: float) -> str:
    rounded = round(100 * share)
    if rounded == 0 and share > 0:
        return "<1"
    return ">99" if rounded == 100 and share < 1 else str(rounded)
