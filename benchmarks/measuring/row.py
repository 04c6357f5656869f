"""A row of the table: the cost of one thing compared with that of a reference, measured in turns."""

from __future__ import annotations

import dataclasses
import math
import statistics
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Target:
    """The highest cost that the project allows.

    Attributes:
        limit: the highest allowed median.
        of: what is limited: the ratio to the reference, or the measured value in the row's unit.
    """

    limit: float
    of: Literal["ratio", "value"] = "ratio"


@dataclasses.dataclass(frozen=True)
class Row:
    """One claim: what something costs (time or memory, so that less is better), compared with a reference.

    Attributes:
        name: what is measured. Name and reference together are unique in the table, and the same in every run, so that
            runs can be compared.
        reference: what it is compared with.
        unit: of both values, e.g. `ms/image` or `GB`.
        rounds: pairs of measured value and reference, both positive; those of a pair were measured one after the other.
        target: the highest allowed cost, if the project has one.
        remark: anything else to know.
    """

    name: str
    reference: str
    unit: str
    rounds: tuple[tuple[float, float], ...]
    target: Target | None = None
    remark: str = ""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ValueError: there are none, or one is not a positive number.
        """
        if not self.rounds or not all(0 < value < math.inf for pair in self.rounds for value in pair):
            raise ValueError(f"{self.name}: pairs of positive numbers are needed, got {self.rounds}")

    @property
    def ratios(self) -> tuple[float, ...]:
        """The ratio of value to reference in each round, in ascending order."""
        return tuple(sorted(value / reference for value, reference in self.rounds))

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(self.ratios)

    @property
    def value(self) -> float:
        """The median of the measured values."""
        return statistics.median(value for value, _ in self.rounds)

    @property
    def reference_value(self) -> float:
        """The median of the reference's values."""
        return statistics.median(reference for _, reference in self.rounds)

    @property
    def meets_target(self) -> bool | None:
        """Whether the median is at most the target's limit; `None` without a target."""
        if self.target is None:
            return None
        return (self.ratio if self.target.of == "ratio" else self.value) <= self.target.limit
