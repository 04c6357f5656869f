"""Training throughput and memory.

    python -m benchmarks.training [VOCdevkit/VOC2012]

Throughput: images per second of the trainer, which streams from records, flips images, computes metrics and excludes
void; compared with a bare Keras `fit` of the same network and batch size on tensors in memory, with Keras' own loss and
nothing else. Both alternate. The rate is that of the median step without the first few of each round, so that short
disturbances of the machine matter little.

Memory: peak of a training on 467 records and on 4,670, each in a new process.
"""

from __future__ import annotations

import functools
import itertools
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._measuring import devkit_and_scratch, peak_memory_of_process, print_peaks, write_records

NETWORKS = (("fcn8", 96), ("fcn8", 224), ("unet", 128))
CLASSES = ("person", "dog")
BATCH, STEPS, SKIPPED, ROUNDS = 8, 10, 3, 3
MEMORY_RECORDS, MEMORY_SIZE = (467, 4_670), 96
MEMORY_OPTIONS = {"width": 0.25, "fully_connected_channels": 0, "batch_normalization": True}


def prepare_records(devkit: Path, folder: Path, image_size: int, count: int) -> Any:
    """Writes `count` train records and one batch of val records; returns `Records`."""
    from tfds_voc_seg.devkit.splits import read_splits
    from tfds_voc_seg.record_config import RecordConfig
    from tfds_voc_seg.records.files import Records

    config = RecordConfig(image_size, CLASSES)
    listings, files = read_splits(devkit), {}
    for split, wanted in (("train", count), ("val", BATCH)):
        file = folder / f"{split}-{count}"
        write_records(file, listings[split].pairs[:467], config, wanted)
        files[split] = [str(file)]
    return Records(files, config.class_names, image_size, config=config)


def steps_of_trainer(name: str, options: dict[str, Any], records: Any, folder: Path) -> list[float]:
    """Trains one epoch with the project's own loop; returns the seconds of each step without the first few."""
    import tensorflow as tf
    from etils import epath

    from components.networks import create_network
    from components.training.config import TrainingConfig
    from components.training.loop import train
    from components.training.resumption import TrainingFolder

    times: list[float] = []
    train(
        lambda: create_network(name, image_size=records.image_size, num_classes=len(CLASSES) + 1, **options),
        records,
        TrainingConfig(epochs=1, batch_size=BATCH, optimizer="sgd", learning_rate=1e-6),
        tf.distribute.get_strategy(),
        epath.Path(folder / "run"),
        TrainingFolder(folder / "state"),
        lambda *_: times.append(time.monotonic()),
    )
    return seconds_of_steps(times)


def steps_of_bare_fit(name: str, options: dict[str, Any], records: Any) -> list[float]:
    """Trains with Keras' `fit` on tensors in memory; returns the seconds of each step without the first few."""
    import keras
    import numpy as np

    from components.networks import create_network
    from components.training.input_pipeline import evaluation_batches
    from tfds_voc_seg.records.decoding import image_and_class_map

    decode = functools.partial(image_and_class_map, image_size=records.image_size, channels=len(CLASSES) + 1)
    batches = evaluation_batches(records.files["train"], decode, batch_size=BATCH, records=BATCH * STEPS)
    images, classes = (np.concatenate(arrays) for arrays in zip(*batches.as_numpy_iterator(), strict=True))
    network = create_network(name, image_size=records.image_size, num_classes=len(CLASSES) + 1, **options)
    network.compile(
        keras.optimizers.SGD(1e-6, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255),
    )
    times: list[float] = []
    clock = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: times.append(time.monotonic()))
    network.fit(images.astype(np.float32), classes, batch_size=BATCH, verbose=0, callbacks=[clock])
    return seconds_of_steps(times)


def seconds_of_steps(ends: list[float]) -> list[float]:
    """Computes the seconds of each step without the first few from the times at which the steps ended."""
    return [end - start for start, end in itertools.pairwise(ends[SKIPPED - 1 : STEPS])]


def peak_memory(devkit: Path, count: int) -> float:
    """Trains one epoch on `count` records in this process and returns its peak memory in GB."""
    with tempfile.TemporaryDirectory() as scratch:
        records = prepare_records(devkit, Path(scratch), MEMORY_SIZE, count)
        steps_of_trainer("fcn8", MEMORY_OPTIONS, records, Path(scratch))
    return peak_memory_of_process()


def main() -> None:
    """Measures and prints the tables."""
    import keras

    with devkit_and_scratch(train_images=467, val_images=BATCH) as (devkit, scratch):
        print_peaks("records", peak_memory, devkit, MEMORY_RECORDS)
        print(f"\n{'network':10}{'pixels':>7}{'images/s':>10}{'bare fit':>10}{'× bare':>8}")
        for name, size in NETWORKS:
            records = prepare_records(devkit, scratch, size, BATCH * STEPS)
            ours_steps: list[float] = []
            bare_steps: list[float] = []
            for attempt in range(ROUNDS):
                keras.backend.clear_session()
                bare_steps += steps_of_bare_fit(name, {}, records)
                keras.backend.clear_session()
                ours_steps += steps_of_trainer(name, {}, records, scratch / f"{name}{size}-{attempt}")
            ours, bare = (BATCH / statistics.median(steps) for steps in (ours_steps, bare_steps))
            print(f"{name:10}{size:7}{ours:10.2f}{bare:10.2f}{ours / bare:8.2f}", flush=True)


if __name__ == "__main__":
    main()
