"""The gain in time and the cost in memory if a process keeps the memory that TensorFlow frees.

    python -m benchmarks.allocator [VOCdevkit/VOC2012]

Each line is a new process: a bare Keras `fit` of a network, the trainer on the same network and batch size, bare
prediction of two models, and the evaluation of the same; with the C library's default settings and with those that
`vocseg` sets. The lines of one job alternate. The rate is that of the median step or of the fastest pass; the kernel's
share is that of the process's CPU time during the job.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import evaluation, training
from benchmarks._measuring import devkit_and_scratch, peak_memory_of_process

NETWORKS = (("fcn8", 96), ("unet", 128))
TURNS = 3


def measure(job: str, keep: bool, network: str, data: Any) -> tuple[float, float, float]:
    """Runs a job in this process; returns images per second, the kernel's share, and the peak memory in GB."""
    from components.allocator import keep_freed_memory

    if keep:
        keep_freed_memory()
    import tensorflow as tf

    tf.constant(0)
    before = os.times()
    rate = _rate(job, network, data)
    after = os.times()
    user, kernel = after.user - before.user, after.system - before.system
    return rate, kernel / (user + kernel), peak_memory_of_process()


def _rate(job: str, network: str, data: Any) -> float:
    if job == "bare fit":
        return training.BATCH / statistics.median(training.steps_of_bare_fit(network, {}, data))
    if job == "trainer":
        with tempfile.TemporaryDirectory() as scratch:
            return training.BATCH / statistics.median(training.steps_of_trainer(network, {}, data, Path(scratch)))
    if job == "bare prediction":
        return evaluation.IMAGES / evaluation.seconds_of_bare_prediction(data, data.masks)
    return evaluation.IMAGES / evaluation.seconds_of_evaluation(data, data.masks)


def print_table(what: str, jobs: tuple[tuple[str, bool], ...], network: str, data: Any) -> None:
    """Measures each job several times, in turns; prints the medians, and the rate compared with the first job."""
    results: dict[tuple[str, bool], list[tuple[float, float, float]]] = {job: [] for job in jobs}
    for _ in range(TURNS):
        for job, keep in jobs:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                results[job, keep].append(pool.apply(measure, (job, keep, network, data)))
    first = statistics.median(rate for rate, *_ in results[jobs[0]])
    for (job, keep), measured in results.items():
        rate, kernel, peak = (statistics.median(values) for values in zip(*measured, strict=True))
        memory = "kept" if keep else "default"
        print(f"{what:14}{job:17}{memory:9}{rate:10.2f}{rate / first:9.2f}{kernel:9.1%}{peak:9.2f}", flush=True)


def main() -> None:
    """Measures and prints the table."""
    with devkit_and_scratch(train_images=training.BATCH, val_images=evaluation.IMAGES) as (devkit, scratch):
        print(f"{'':14}{'job':17}{'memory':9}{'images/s':>10}{'× first':>9}{'kernel':>9}{'peak GB':>9}")
        for name, size in NETWORKS:
            folder = scratch / name
            folder.mkdir()
            records = training.prepare_records(devkit, folder, size, training.BATCH * training.STEPS)
            jobs = (("bare fit", False), ("trainer", False), ("trainer", True))
            print_table(f"{name} at {size}", jobs, name, records)
        spec = evaluation.prepare(devkit, scratch, evaluation.IMAGES)
        jobs = (("bare prediction", False), ("evaluation", False), ("evaluation", True))
        print_table("two models", jobs, "", spec)


if __name__ == "__main__":
    main()
