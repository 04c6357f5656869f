"""What the benchmarks share."""

from __future__ import annotations

import contextlib
import multiprocessing
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def devkit_and_scratch(train_images: int, val_images: int) -> Iterator[tuple[Path, Path]]:
    """The devkit that the command line names, or a drawn one, and a folder for what is written."""
    from tfds_voc_seg.devkit.folders import find_devkit
    from tfds_voc_seg.sample.devkit import write_sample_devkit

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


def peak_memory_of_process(process: int | str = "self") -> float:
    """The most memory that this process, or the one of a number, has held, GB.

    `getrusage` would also count what the process that started it held.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1e6 if found else float("nan")


def time_and_peak(*command: str) -> tuple[float, float]:
    """Runs a command in a process of its own; gives its wall seconds and its peak memory in GB, without its children's.

    Raises:
        subprocess.CalledProcessError: it ended with another status than 0.
    """
    started, peak = time.monotonic(), 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        while running.poll() is None:
            peak = max(peak, peak_memory_of_process(running.pid))  # of a process that has just ended: nan, no greater
            time.sleep(0.05)
    if running.returncode:
        raise subprocess.CalledProcessError(running.returncode, command)
    return time.monotonic() - started, peak
