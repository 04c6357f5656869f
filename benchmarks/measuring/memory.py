"""Peak memory of processes, and whether it grows with the number of things that a process handles."""

from __future__ import annotations

import multiprocessing
import re
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring.row import Row, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measuring.options import Options

GROWTH = Target(1.1)
"""Memory counts as flat in the number of things if many take at most 10 % more than few."""


def flat_memory(
    work: str, things: str, peak_memory: Callable[..., float], counts: tuple[int, int], options: Options, *more: object
) -> Row:
    """Returns the row of the peak memory with many things, compared with few, each measured in a new process.

    Two processes run at the same time, because other work of the machine does not change a peak.

    Args:
        work: what is measured, e.g. `conversion`.
        things: what is counted, e.g. `pairs`.
        peak_memory: a module's function; it does the work for a count in its process and returns the peak in GB.
        counts: few and many.
        options: what is asked for.
        more: further arguments of `peak_memory`.
    """
    few, many = counts
    rounds = options.rounds_of(full=3, quick=1)
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=1) as pool:
        peaks = pool.starmap(peak_memory, [(count, *more) for count in (many, few) * rounds], chunksize=1)
    pairs = tuple(zip(peaks[::2], peaks[1::2], strict=True))
    return Row(f"peak memory of {work}, {many:,} {things}", f"the same with {few:,} {things}", "GB", pairs, GROWTH)


def peak_memory_of_process(process: int | str = "self") -> float:
    """Returns the peak resident memory of this process, or of the process with the given id, in GB.

    `getrusage` is not used: it also counts the memory of the parent process.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1e6 if found else float("nan")
