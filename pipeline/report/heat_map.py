"""A confusion matrix as a table with coloured cells, which screen readers can read too."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

STEPS = 10
"""The number of colours, one per tenth of a row; step 0 is for an empty cell."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """The pixels of one true class that were predicted as one class.

    Attributes:
        text: their share of the true class in percent, rounded; `<1` and `>99` instead of a rounded 0 and 100.
        step: the number of the colour, 0 to `STEPS`.
        pixels: the number of pixels.
        right: whether the predicted class is the true class.
    """

    text: str
    step: int
    pixels: int
    right: bool


@dataclasses.dataclass(frozen=True)
class Row:
    """A true class.

    Attributes:
        name: the class name.
        pixels: the number of its pixels in the ground truth.
        cells: one per predicted class; empty if the class is absent from the ground truth.
    """

    name: str
    pixels: int
    cells: tuple[Cell, ...]


def heat_map_rows(confusion: Sequence[Sequence[int]], class_names: Sequence[str]) -> list[Row]:
    """Divides each row of a confusion matrix by the row's sum.

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
