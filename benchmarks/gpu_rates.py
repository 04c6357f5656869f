"""Train steps on a GPU: the trainer compared with a bare Keras `fit`; and the input pipeline that must keep up.

    python -m benchmarks.gpu_rates [VOCdevkit/VOC2012]

Both train the same network in float32 and in bfloat16, the trainer from records and with metrics, the bare `fit` on one
batch in memory with Keras' own optimiser and loss. The time per image is that of the second epoch, without the time in
which XLA compiles the step, and while the trainer writes the state of the first epoch; the time to the end of the first
epoch and the time between two epochs have rows of their own. No rows without a GPU.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import TYPE_CHECKING, Any, Literal

from benchmarks import input_pipeline, training
from benchmarks.measuring.command import main
from benchmarks.measuring.data import devkit_and_scratch
from benchmarks.measuring.row import Row, Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.measuring.options import Options

NETWORKS = (("fcn8", 320, 60), ("unet", 128, 120))
"""Network, pixels, steps per epoch."""
REFERENCE = "a bare Keras `fit` in memory"
BATCH, EPOCHS = 16, 3
Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
SECONDS_TO_START = {("fcn8", "float32"): 21.5, ("fcn8", "bfloat16"): 35.0}
"""The longest first epoch on one H200: half of what it took at first."""
SECONDS_BETWEEN_EPOCHS = 0.5
INPUT_SIZE, INPUT_EPOCHS, INPUT_MILLISECONDS = 320, 10, 1000 / 1500
"""Pixels, how often the records are read, and what the input pipeline needs per image, at most, with 16 processors."""


@dataclasses.dataclass(frozen=True)
class Rate:
    """The speed of a training.

    Attributes:
        first_epoch: seconds until the end of the first epoch's train steps.
        images_per_second: of the second epoch.
        between_epochs: seconds from the last step of the second epoch to the first one of the third, validation on one
            batch included; 0 for the bare `fit`, which has nothing to do there.
    """

    first_epoch: float
    images_per_second: float
    between_epochs: float = 0.0


def rate_of_trainer(name: str, precision: Precision, records: Any, steps: int, folder: Path) -> Rate:
    """Trains with the project's own loop."""
    import tensorflow as tf
    from etils import epath

    from components.networks import create_network
    from components.training.config import TrainingConfig
    from components.training.loop import train
    from components.training.resumption import TrainingFolder

    times: dict[tuple[int, int], float] = {}
    started = time.monotonic()

    def on_step(epoch: int, step: int, *_: object) -> None:
        times.setdefault((epoch, step), time.monotonic())

    train(
        lambda: create_network(name, image_size=records.image_size, num_classes=len(records.class_names)),
        records,
        TrainingConfig(epochs=EPOCHS, batch_size=BATCH, learning_rate=1e-5, weight_decay=0.05, precision=precision),
        tf.distribute.get_strategy(),
        epath.Path(folder / "run"),
        TrainingFolder(folder / "state"),
        on_step,
    )
    # The reporter waits for the first and the last step of an epoch, so that these two times are those of the GPU.
    seconds = times[2, steps] - times[2, 1]
    return Rate(times[1, steps] - started, BATCH * (steps - 1) / seconds, times[3, 1] - times[2, steps])


def rate_of_bare_fit(name: str, precision: Precision, records: Any, steps: int) -> Rate:
    """Trains with Keras' `fit`, which does not wait for a step before the end of the epoch."""
    import keras
    import numpy as np
    import tensorflow as tf

    from components.networks import create_network
    from components.networks.precision import dtype_policy

    size, classes = records.image_size, len(records.class_names)
    random, times, started = np.random.default_rng(0), [], time.monotonic()
    images = random.integers(0, 256, (BATCH, size, size, 3), np.uint8)
    batch = tf.data.Dataset.from_tensors((images, random.integers(0, classes, (BATCH, size, size), np.int32)))
    with dtype_policy("float32" if precision == "float32" else f"mixed_{precision}"):
        network = create_network(name, image_size=size, num_classes=classes)
        network.compile(
            keras.optimizers.AdamW(1e-5, weight_decay=0.05),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        clock = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda *_: times.append(time.monotonic()),
            on_epoch_end=lambda *_: times.append(time.monotonic()),
        )
        network.fit(batch.repeat(), steps_per_epoch=steps, epochs=2, shuffle=False, verbose=0, callbacks=[clock])
    return Rate(times[1] - started, BATCH * steps / (times[-1] - times[-2]))


def rows(options: Options) -> Iterator[Row]:
    """Yields the row of the input pipeline, and three rows per precision and network."""
    from pipeline.doctor.gpu import find_driver

    if find_driver() is None:  # seconds before TensorFlow would say so
        print("this machine has no driver of NVIDIA: nothing is measured", file=sys.stderr)
        return
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        print("TensorFlow finds no GPU: nothing is measured; `vocseg doctor` says why", file=sys.stderr)
        return
    yield from rows_on(tf.config.experimental.get_device_details(gpus[0]).get("device_name", ""), options)


def rows_on(device: str, options: Options) -> Iterator[Row]:
    """Yields the rows; float32 first, because a user may have time for a part only."""
    with devkit_and_scratch(options, train_images=BATCH * 4, val_images=BATCH) as (devkit, scratch):
        target = Target(INPUT_MILLISECONDS, "value")
        yield from input_pipeline.rows_of_size(
            INPUT_SIZE, BATCH, (True,), devkit, scratch, options, epochs=INPUT_EPOCHS, target=target
        )
        records = {
            name: training.prepare_records(devkit, scratch / name, size, BATCH * steps, BATCH, different=BATCH * 4)
            for name, size, steps in NETWORKS
        }
        for precision in options.size(PRECISIONS, PRECISIONS[:1]):
            for name, size, steps in NETWORKS:
                pairs = compared_rates(name, precision, records[name], steps, scratch / name, options)
                shown = f"{name} at {size} pixels in {precision} on a GPU, batch {BATCH}"
                yield from rows_of_pairs(shown, pairs, SECONDS_TO_START.get((name, precision)), device)


def rows_of_pairs(
    shown: str, pairs: Sequence[tuple[Rate, Rate]], longest_start: float | None, device: str
) -> Iterator[Row]:
    """Yields the three rows of a network: a step, the first epoch, and the time between two epochs."""
    steps = tuple((1000 / ours.images_per_second, 1000 / bare.images_per_second) for ours, bare in pairs)
    yield Row(f"training step of {shown}", REFERENCE, "ms/image", steps, Target(1.031), device)
    first = tuple((ours.first_epoch, bare.first_epoch) for ours, bare in pairs)
    target = Target(longest_start, "value") if longest_start else None
    yield Row(
        f"first epoch of {shown}",
        REFERENCE,
        "s",
        first,
        target,
        f"{device}; the `fit` came second, with what XLA had found out",
    )
    between = tuple((ours.between_epochs, BATCH / ours.images_per_second) for ours, _ in pairs)
    target = Target(SECONDS_BETWEEN_EPOCHS, "value")
    yield Row(f"between two epochs of {shown}", "one train step", "s", between, target, device)


def compared_rates(
    name: str, precision: Precision, records: Any, steps: int, folder: Path, options: Options
) -> list[tuple[Rate, Rate]]:
    """Measures the trainer and the bare `fit` in turns, each without what the other left in Keras.

    The trainer comes first: XLA keeps for the whole process which implementation of a convolution is the fastest, so
    that the second one starts sooner than a user's training.
    """
    import keras

    pairs = []
    for number in range(options.rounds_of(full=1, quick=1)):
        keras.backend.clear_session()
        trainer = rate_of_trainer(name, precision, records, steps, folder / f"{precision}{number}")
        keras.backend.clear_session()
        pairs.append((trainer, rate_of_bare_fit(name, precision, records, steps)))
    return pairs


if __name__ == "__main__":
    main(rows)
