"""What a benchmark is asked to measure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class Options:
    """What a benchmark is asked to measure.

    Attributes:
        devkit: a VOC devkit to measure on; without one, a benchmark generates a sample devkit.
        model: a published model that is measured in addition, by the benchmarks that take one.
        quick: measure at smaller sizes and fewer times.
        rounds: how often each pair is measured; without it, each benchmark's own number.
    """

    devkit: Path | None = None
    model: Path | None = None
    quick: bool = False
    rounds: int | None = None

    def size(self, full: _T, quick: _T) -> _T:
        """Returns the first size, or the second one if the measurement is to be quick."""
        return quick if self.quick else full

    def rounds_of(self, full: int, quick: int) -> int:
        """Returns the number of rounds: that of the user, or else one of a benchmark's own numbers."""
        return self.rounds or self.size(full, quick)

    def to_arguments(self) -> list[str]:
        """Returns the arguments of a command line that ask for the same."""
        arguments = [str(self.devkit)] if self.devkit else []
        arguments += ["--model", str(self.model)] if self.model else []
        arguments += ["--quick"] if self.quick else []
        return arguments + (["--rounds", str(self.rounds)] if self.rounds else [])
