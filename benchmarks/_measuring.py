"""Shared by the benchmarks: devkit and records to measure on, exported networks, time and peak memory."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tfds_voc_seg.devkit.folders import Pair
    from tfds_voc_seg.record_config import RecordConfig


@contextlib.contextmanager
def devkit_and_scratch(train_images: int, val_images: int) -> Iterator[tuple[Path, Path]]:
    """Yields the devkit that the command line names, or else a sample devkit, and a temporary folder for outputs."""
    from tfds_voc_seg.devkit.folders import find_devkit
    from tfds_voc_seg.sample.devkit import write_sample_devkit

    with tempfile.TemporaryDirectory() as scratch:
        if len(sys.argv) > 1:
            yield find_devkit(sys.argv[1]), Path(scratch)
        else:
            devkit = Path(scratch) / "VOC2012"
            write_sample_devkit(devkit, train_images=train_images, val_images=val_images)
            yield devkit, Path(scratch)


def write_records(file: Path, pairs: Sequence[Pair], config: RecordConfig, count: int) -> None:
    """Encodes the pairs and writes `count` records, repeating them if there are fewer pairs."""
    import tensorflow as tf

    from tfds_voc_seg.records.encoding import PairEncoder

    encoder = PairEncoder(config)
    records = [encoder(pair) for pair in pairs]
    with tf.io.TFRecordWriter(str(file)) as writer:
        for record in itertools.islice(itertools.cycle(records), count):
            writer.write(record)


def export_network(network: Any, name: str, options: dict[str, Any], class_names: Sequence[str], folder: Path) -> None:
    """Exports a Keras network as a SavedModel, as the trainer does."""
    from components.saved_model.description import ModelDescription
    from components.saved_model.export import export_saved_model

    size, parameters = network.input_shape[1], network.count_params()
    description = ModelDescription(tuple(class_names), size, name, options, {}, parameters, 0.0)
    export_saved_model(network, description, folder)


def print_peaks(what: str, peak_memory: Callable[[Path, int], float], devkit: Path, counts: tuple[int, ...]) -> None:
    """Prints the peak memory in GB for each count, each measured in a new process."""
    print(f"{what:>8}{'peak GB':>9}{'× first':>9}")
    peaks: list[float] = []
    for count in counts:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peaks.append(pool.apply(peak_memory, (devkit, count)))
        print(f"{count:8,}{peaks[-1]:9.2f}{peaks[-1] / peaks[0]:9.2f}", flush=True)


def peak_memory_of_process(process: int | str = "self") -> float:
    """Returns the peak resident memory of this process, or of the process with the given id, in GB.

    `getrusage` is not used: it also counts the memory of the parent process.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1e6 if found else float("nan")


def time_and_peak(*command: str) -> tuple[float, float]:
    """Runs a command; returns its wall time in seconds and its peak memory in GB, child processes excluded.

    Raises:
        subprocess.CalledProcessError: its exit status is not 0.
    """
    started, peak = time.monotonic(), 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        while running.poll() is None:
            peak = max(peak, peak_memory_of_process(running.pid))  # NaN, never greater, if it has just ended
            time.sleep(0.05)
    if running.returncode:
        raise subprocess.CalledProcessError(running.returncode, command)
    return time.monotonic() - started, peak
