"""Measures the SavedModel and all targets of a model on this machine: the work of `vocseg benchmark`.

Each target and number of threads is measured in a new process: TensorFlow cannot change its threads later, and the peak
memory of a process never falls.
"""

from __future__ import annotations

import concurrent.futures
import concurrent.futures.process
import dataclasses
import multiprocessing
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.run_files import EXTRA_ASSETS_FOLDER
from components.targets.measurement import peak_memory
from components.targets.names import SAVED_MODEL_TARGET
from components.targets.network import available_cores
from components.targets.target_folder import published_targets, read_target
from pipeline.engines.engine import EngineError, ModelError
from pipeline.engines.selection import ModelFiles, engine_of, load_engine, missing_packages
from tfds_voc_seg.storage import files_below

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.engines.engine import EngineName

BATCHES = (1, 8)
"""The numbers of images per run."""

_LEAST_RUNS = 3


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        target: `saved_model` or the name of a target.
        engine: what runs it.
        files: the model, with this target alone.
        bytes: the size of its files.
    """

    target: str
    engine: EngineName
    files: ModelFiles
    bytes: int


@dataclasses.dataclass(frozen=True)
class Speed:
    """The speed of a subject with one batch size.

    Attributes:
        batch: images per run.
        milliseconds: per image, the median of the runs.
    """

    batch: int
    milliseconds: float


@dataclasses.dataclass(frozen=True)
class Measurement:
    """The result for a subject and a number of threads.

    Attributes:
        subject: what was measured.
        threads: the number of threads.
        load_seconds: the time to load the model, without importing libraries.
        peak_bytes: the largest memory of the process.
        speeds: one per batch size; empty if it failed.
        problem: why it failed; empty if it did not.
    """

    subject: Subject
    threads: int
    load_seconds: float = 0.0
    peak_bytes: int = 0
    speeds: tuple[Speed, ...] = ()
    problem: str = ""


def find_subjects(files: ModelFiles) -> list[Subject]:
    """Lists what can be measured of a model: the SavedModel and each target; or the target that the user named.

    Raises:
        ModelError: a target is damaged.
    """
    subjects = []
    if files.saved_model is None:
        folders = {"": files.folder}
    else:
        folders = {name: Path(folder) for name, folder in published_targets(files.saved_model).items()}
        own = [file for file in files_below(files.saved_model) if EXTRA_ASSETS_FOLDER not in file.parts]
        only = ModelFiles(files.model, files.saved_model, {})
        subjects.append(Subject(SAVED_MODEL_TARGET, "tensorflow", only, sum(file.stat().length for file in own)))
    for folder in folders.values():
        try:
            target = read_target(folder)
        except ValueError as error:
            raise ModelError(str(error)) from error
        only = ModelFiles(files.model, None, {engine_of(target): folder})
        subjects.append(Subject(target.target.format, engine_of(target), only, target.target.bytes))
    return subjects


def thread_counts() -> list[int]:
    """Returns the numbers of threads to measure: 1, and one per core."""
    return sorted({1, available_cores()})


def measure_subjects(
    subjects: Sequence[Subject], seconds: float, *, trust: bool = False, batches: Sequence[int] = BATCHES
) -> Iterator[Measurement]:
    """Measures subjects with each of `thread_counts`, one after the other.

    Args:
        subjects: as returned by `find_subjects`.
        seconds: how long to measure each batch size, after a first run.
        trust: as for `load_segmenter`.
        batches: the numbers of images per run.
    """
    for subject in subjects:
        for threads in thread_counts():
            if (problem := missing_packages(subject.engine)) is not None:
                yield Measurement(subject, threads, problem=problem)
                continue
            context = multiprocessing.get_context("spawn")
            with concurrent.futures.ProcessPoolExecutor(1, context) as process:
                try:
                    yield process.submit(_measure, subject, threads, seconds, trust, tuple(batches)).result()
                except (ModelError, EngineError, MemoryError) as error:
                    yield Measurement(subject, threads, problem=str(error) or "needs more memory than available")
                except concurrent.futures.process.BrokenProcessPool:
                    yield Measurement(subject, threads, problem="the process was killed: too little memory?")


def _measure(subject: Subject, threads: int, seconds: float, trust: bool, batches: tuple[int, ...]) -> Measurement:
    if subject.engine == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    begun = time.perf_counter()
    engine, description = load_engine(subject.files, subject.engine, trust=trust, threads=threads)
    loaded = time.perf_counter() - begun
    speeds = []
    for batch in batches:
        images = np.random.default_rng(0).integers(0, 256, (batch, *description.geometry.sides, 3), np.uint8)
        engine.scores(images)
        times: list[float] = []
        end = time.perf_counter() + seconds
        while len(times) < _LEAST_RUNS or time.perf_counter() < end:
            begun = time.perf_counter()
            engine.scores(images)
            times.append(time.perf_counter() - begun)
        speeds.append(Speed(batch, 1000 * statistics.median(times) / batch))
    return Measurement(subject, threads, loaded, peak_memory(), tuple(speeds))
