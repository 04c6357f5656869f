"""The gain in time and the cost in memory if a process keeps the memory that TensorFlow frees.

    python -m benchmarks.allocator [VOCdevkit/VOC2012]

Each measurement is a new process: a bare Keras `fit` of a network, the trainer on the same network and batch size, bare
prediction of two models, and the evaluation of the same; with the C library's default settings and with those that
`vocseg` sets. The kernel's share is that of the process's CPU time during the work. A quick run measures one network's
training with AdamW and the settings of `vocseg`.
"""

from __future__ import annotations

import functools
import os
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import evaluation, training
from benchmarks.measuring.command import main
from benchmarks.measuring.data import devkit_and_scratch
from benchmarks.measuring.memory import peak_memory_of_process
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.timing import in_new_process, milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.measuring.options import Options

IMAGES = 150
OPTIMIZERS: tuple[tuple[training.Optimizer, str], ...] = (("adamw", "AdamW, the default"), ("sgd", "SGD"))
"""The same kind on both sides: the trainer's, and Keras' own."""

DEFAULT, KEPT = "glibc's defaults", "as `vocseg` sets it"
Measured = tuple[float, float, float]
"""Milliseconds per image, the kernel's share, peak memory in GB."""


def rows(options: Options) -> Iterator[Row]:
    """Yields rows of time and memory: of the training of each network, and of the evaluation."""
    batch, steps = training.sizes(options)
    with devkit_and_scratch(options, train_images=40, val_images=options.size(IMAGES, 4)) as (devkit, scratch):
        for name, size, settings in options.size(training.NETWORKS[::2], training.QUICK_NETWORKS):
            records = training.prepare_records(devkit, scratch / name, size, batch * steps, batch)
            for optimizer, shown_optimizer in options.size(OPTIMIZERS, OPTIMIZERS[:1]):
                network = training.shown_network(name, settings)
                shown = f"training step of {network} at {size} pixels, batch {batch}, {shown_optimizer}"
                work = (name, settings, records, batch, optimizer)
                yield from rows_of_work(shown, "a bare Keras `fit`", train, fit, work, 0.909, options)
        if not options.quick:
            spec = evaluation.prepare(devkit, scratch, IMAGES)
            reference = "bare prediction and counting"
            yield from rows_of_work("evaluation", reference, evaluate, predict, (spec, IMAGES), 0.95, options)


def rows_of_work(
    shown: str,
    reference: str,
    ours: Callable[..., float],
    bare: Callable[..., float],
    arguments: tuple[object, ...],
    limit: float,
    options: Options,
) -> Iterator[Row]:
    """Yields the rows of a work and of its reference, which has the default settings.

    Args:
        shown: the work.
        reference: what it is compared with.
        ours: does the work; returns milliseconds per image.
        bare: does the reference's.
        arguments: of both.
        limit: the highest allowed ratio with the settings of `vocseg`.
        options: what is asked for.
    """
    ways: dict[str, tuple[Callable[..., float], bool]] = {KEPT: (ours, True), reference: (bare, False)}
    if not options.quick:
        ways[DEFAULT] = (ours, False)
    rounds = [
        {way: in_new_process(measure, work, keep, arguments) for way, (work, keep) in ways.items()}
        for _ in range(options.rounds_of(full=3, quick=1))
    ]
    against = f"{reference}, {DEFAULT}"
    for memory in (way for way in ways if way != reference):
        pairs = [(results[memory], results[reference]) for results in rounds]
        kernel = [
            statistics.median(shares) for shares in zip(*[(own[1], other[1]) for own, other in pairs], strict=True)
        ]
        name = f"{shown}, memory {memory}"
        yield Row(
            name,
            against,
            "ms/image",
            tuple((own[0], other[0]) for own, other in pairs),
            Target(limit) if memory == KEPT else None,
            f"kernel's share of the CPU time {kernel[0]:.1%}, reference {kernel[1]:.1%}",
        )
        yield Row(f"peak memory of {name}", against, "GB", tuple((own[2], other[2]) for own, other in pairs))


def measure(work: Callable[..., float], keep: bool, arguments: tuple[Any, ...]) -> Measured:
    """Does a work in this process, which keeps freed memory or not."""
    from components.allocator import keep_freed_memory

    if keep:
        keep_freed_memory()
    import tensorflow as tf

    tf.constant(0)
    before = os.times()
    taken = work(*arguments)
    after = os.times()
    user, kernel = after.user - before.user, after.system - before.system
    return taken, kernel / (user + kernel), peak_memory_of_process()


def train(name: str, settings: dict[str, Any], records: Any, batch: int, optimizer: training.Optimizer) -> float:
    """Trains with the project's trainer; returns milliseconds per image."""
    with tempfile.TemporaryDirectory() as scratch:
        return training.milliseconds_of_trainer(name, settings, records, batch, Path(scratch), optimizer)


def fit(name: str, settings: dict[str, Any], records: Any, batch: int, optimizer: training.Optimizer) -> float:
    """Trains with a bare Keras `fit`; returns milliseconds per image."""
    return training.milliseconds_of_bare_fit(name, settings, records, batch, optimizer)


def evaluate(spec: Any, images: int) -> float:
    """Evaluates two models; returns milliseconds per image."""
    count = evaluation.counting_of_evaluation(spec, original=True)
    count(evaluation.BATCH)  # traces the models
    return milliseconds(functools.partial(count, images), images)


def predict(spec: Any, images: int) -> float:
    """Runs the two models and counts; returns milliseconds per image."""
    count = functools.partial(evaluation.counting_of_reference(spec), original=True)
    count(evaluation.BATCH)  # traces the models
    return milliseconds(functools.partial(count, images), images)


if __name__ == "__main__":
    main(rows)
