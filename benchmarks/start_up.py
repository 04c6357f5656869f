"""The start of the command line: `vocseg --help`, compared with a Python that does nothing.

    python -m benchmarks.start_up

Each is started in a new process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measuring.command import main
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.timing import PYTHON, VOCSEG, command_seconds, in_turns, paired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring.options import Options


def rows(options: Options) -> Iterator[Row]:
    """Yields the row of the command line's start."""
    rounds = in_turns(
        options.rounds_of(full=15, quick=7),
        lambda: command_seconds(*VOCSEG, "--help"),
        lambda: command_seconds(PYTHON, "-c", "pass"),
    )
    yield Row("start of `vocseg --help`", "Python that does nothing", "s", paired(rounds), Target(0.3, of="value"))


if __name__ == "__main__":
    main(rows)
