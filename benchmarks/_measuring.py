"""What the benchmarks share."""

from __future__ import annotations

import contextlib
import multiprocessing
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def devkit_and_scratch(train_images: int, val_images: int) -> Iterator[tuple[Path, Path]]:
    """The devkit that the command line names, or a drawn one, and a folder for what is written."""
    from tfds_voc_seg.devkit import find_devkit
    from tfds_voc_seg.sample_devkit import write_sample_devkit

    with tempfile.TemporaryDirectory() as scratch:
        if len(sys.argv) > 1:
            yield find_devkit(sys.argv[1]), Path(scratch)
        else:
            devkit = Path(scratch) / "VOC2012"
            write_sample_devkit(devkit, train_images=train_images, val_images=val_images)
            yield devkit, Path(scratch)


def print_peaks(what: str, peak_memory: Callable[[Path, int], float], devkit: Path, counts: tuple[int, ...]) -> None:
    """Prints the peak memory, in GB, of each count in a process of its own."""
    print(f"{what:>8}{'peak GB':>9}{'× first':>9}")
    peaks: list[float] = []
    for count in counts:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peaks.append(pool.apply(peak_memory, (devkit, count)))
        print(f"{count:8,}{peaks[-1]:9.2f}{peaks[-1] / peaks[0]:9.2f}", flush=True)


def peak_memory_of_process() -> float:
    """The most memory that this process has held, GB.

    `getrusage` would also count what the process that started this one held.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1e6 if found else float("nan")
