"""Training: the time of a step compared with a bare Keras `fit`, and the peak memory.

    python -m benchmarks.training [VOCdevkit/VOC2012]

Time: the trainer streams from records, flips images, computes metrics and excludes void; the bare `fit` trains the same
network with the same batch size on tensors in memory, with Keras' own loss and SGD and nothing else. The trainer uses
SGD, too; `benchmarks/allocator.py` also compares with AdamW. The value of a round is the median step without the first
few, so that short disturbances of the machine matter little.

Memory: peak of a training on many records compared with one on few, each in a new process.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.measuring.command import main
from benchmarks.measuring.data import devkit_and_scratch, write_records
from benchmarks.measuring.memory import flat_memory, peak_memory_of_process
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.timing import in_turns, paired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring.options import Options

NETWORKS: tuple[tuple[str, int, dict[str, Any]], ...] = (("fcn8", 96, {}), ("fcn8", 224, {}), ("unet", 128, {}))
QUICK_NETWORKS: tuple[tuple[str, int, dict[str, Any]], ...] = (("fcn8", 96, {"fully_connected_channels": 0}),)
"""One: most of the time of a short training is that of making its functions."""
Optimizer = Literal["sgd", "adamw"]
CLASSES = ("person", "dog")
SKIPPED = 2
"""Steps at the beginning that are not timed."""
SMALL = {"width": 0.25, "fully_connected_channels": 0, "batch_normalization": True}


def rows(options: Options) -> Iterator[Row]:
    """Yields a row per network, and that of the memory unless the run is quick."""
    batch, steps = sizes(options)
    with devkit_and_scratch(options, train_images=options.size(467, 40), val_images=batch) as (devkit, scratch):
        for name, size, settings in options.size(NETWORKS, QUICK_NETWORKS):
            folder = scratch / f"{name}{size}"
            records = prepare_records(devkit, folder, size, batch * steps, batch)
            yield row_of_network(name, settings, records, batch, folder, options)
        if not options.quick:
            yield flat_memory("training", "records", peak_memory, (467, 4_670), options, devkit)


def shown_network(name: str, settings: dict[str, Any]) -> str:
    """Names a network with its settings, which are few."""
    return " ".join([name, *(f"{key}={value}" for key, value in settings.items())])


def sizes(options: Options) -> tuple[int, int]:
    """Returns the images per batch and the steps of a timed training."""
    return options.size((8, 10), (4, 8))


def row_of_network(
    name: str, settings: dict[str, Any], records: Any, batch: int, folder: Path, options: Options
) -> Row:
    """Measures the trainer and the bare `fit` of a network."""
    runs = (folder / f"run{number}" for number in itertools.count())
    rounds = in_turns(
        options.rounds_of(full=3, quick=2),
        lambda: milliseconds_of_trainer(name, settings, records, batch, next(runs)),
        lambda: milliseconds_of_bare_fit(name, settings, records, batch),
    )
    shown = f"training step of {shown_network(name, settings)} at {records.image_size} pixels, batch {batch}"
    return Row(shown, "a bare Keras `fit` in memory", "ms/image", paired(rounds), Target(1.053))


def prepare_records(devkit: Path, folder: Path, image_size: int, count: int, batch: int, different: int = 467) -> Any:
    """Writes `count` train records, made from `different` pairs, and one batch of val records to a new folder.

    Returns:
        The `Records`.
    """
    from tfds_voc_seg.devkit.splits import read_splits
    from tfds_voc_seg.record_config import RecordConfig
    from tfds_voc_seg.records.files import Records

    folder.mkdir()
    config = RecordConfig(image_size, CLASSES)
    listings, files = read_splits(devkit), {}
    for split, wanted in (("train", count), ("val", batch)):
        file = folder / split
        write_records(file, listings[split].pairs[:different], config, wanted)
        files[split] = [str(file)]
    return Records(files, config.class_names, image_size, config=config)


def milliseconds_of_trainer(
    name: str, settings: dict[str, Any], records: Any, batch: int, folder: Path, optimizer: Optimizer = "sgd"
) -> float:
    """Trains one epoch with the project's own loop; returns the time per image of the median step, in milliseconds."""
    import keras
    import tensorflow as tf
    from etils import epath

    from components.networks import create_network
    from components.training.config import TrainingConfig
    from components.training.loop import train
    from components.training.resumption import TrainingFolder

    keras.backend.clear_session()
    ends: list[float] = []
    train(
        lambda: create_network(name, image_size=records.image_size, num_classes=len(records.class_names), **settings),
        records,
        TrainingConfig(epochs=1, batch_size=batch, optimizer=optimizer, learning_rate=1e-6),
        tf.distribute.get_strategy(),
        epath.Path(folder / "run"),
        TrainingFolder(folder / "state"),
        lambda *_: ends.append(time.monotonic()),
    )
    return 1000 * median_step(ends) / batch


def milliseconds_of_bare_fit(
    name: str, settings: dict[str, Any], records: Any, batch: int, optimizer: Optimizer = "sgd"
) -> float:
    """Trains one epoch with Keras' `fit` on tensors in memory; returns the same."""
    import keras

    from benchmarks.reference.bare_fit import step_ends
    from benchmarks.reference.records import read_arrays
    from components.networks import create_network

    keras.backend.clear_session()
    size, channels = records.image_size, len(records.class_names)
    images, classes = read_arrays(Path(records.files["train"][0]), size, channels)
    network = create_network(name, image_size=size, num_classes=channels, **settings)
    return 1000 * median_step(step_ends(network, images, classes, batch, optimizer)) / batch


def median_step(ends: list[float]) -> float:
    """Computes the seconds of the median step without the first few, from the times at which the steps ended."""
    return statistics.median(end - start for start, end in itertools.pairwise(ends[SKIPPED - 1 :]))


def peak_memory(count: int, devkit: Path) -> float:
    """Trains one epoch on `count` records in this process and returns its peak memory in GB."""
    with tempfile.TemporaryDirectory() as scratch:
        records = prepare_records(devkit, Path(scratch) / "records", 96, count, batch=8)
        milliseconds_of_trainer("fcn8", SMALL, records, 8, Path(scratch))
    return peak_memory_of_process()


if __name__ == "__main__":
    main(rows)
