"""Time of functions and commands, measured in turns, and the peak memory of commands."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, TypeVar

from benchmarks.measuring.memory import peak_memory_of_process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_T = TypeVar("_T")

PYTHON = sys.executable
VOCSEG = (PYTHON, "-m", "pipeline.cli")
"""The command `vocseg` of this copy of the code."""


def in_turns(rounds: int, *works: Callable[[], float]) -> list[tuple[float, ...]]:
    """Measures several things in turns: each round measures all, every second round in the opposite order.

    So a machine that becomes slower or faster meanwhile changes no ratio for long, and none is always measured first.

    Args:
        rounds: how often.
        works: measure once and return the value.

    Returns:
        Per round the values of all works, in the order of the arguments.
    """
    results = []
    for index in range(rounds):
        order = range(len(works)) if index % 2 == 0 else reversed(range(len(works)))
        values = {position: works[position]() for position in order}
        results.append(tuple(values[position] for position in range(len(works))))
    return results


def paired(rounds: list[tuple[float, ...]], reference: int = 1) -> tuple[tuple[float, float], ...]:
    """Returns the pairs of the first thing's values and those of another one, by its position, for a row."""
    return tuple((values[0], values[reference]) for values in rounds)


def seconds(work: Callable[[], object]) -> float:
    """Returns the wall time of a call in seconds."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def milliseconds(work: Callable[[], object], items: int) -> float:
    """Returns the wall time of a call in milliseconds per item."""
    return 1000 * seconds(work) / items


def in_new_process(function: Callable[..., _T], *arguments: object) -> _T:
    """Calls a function of a module in a new process, without what this process has loaded, and returns its result."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def command_seconds(*command: str) -> float:
    """Runs a command and returns its wall time in seconds.

    Raises:
        RuntimeError: its exit status is not 0; with the end of its output.
    """
    started = time.monotonic()
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    taken = time.monotonic() - started
    _check_status(command, ended.returncode, ended.stdout)
    return taken


def time_and_peak(*command: str) -> tuple[float, float]:
    """Runs a command; returns its wall time in seconds and its peak memory in GB, child processes excluded.

    Raises:
        RuntimeError: its exit status is not 0; with the end of its output.
    """
    started, peak = time.monotonic(), 0.0
    with (
        tempfile.TemporaryFile() as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as running,
    ):
        while running.poll() is None:
            peak = max(peak, peak_memory_of_process(running.pid))  # NaN, never greater, if it has just ended
            time.sleep(0.05)
        taken = time.monotonic() - started
        output.seek(0)
        _check_status(command, running.returncode, output.read())
    return taken, peak


def _check_status(command: Sequence[str], status: int, output: bytes) -> None:
    if status:
        last = output.decode(errors="replace").strip().splitlines()[-3:]
        raise RuntimeError(f"`{' '.join(command)}` ended with status {status}: {' / '.join(last)}")
