"""The batches of a training, without the training: compared with a usual pipeline of `tf.data` and `tf.image`.

    python -m benchmarks.input_pipeline [VOCdevkit/VOC2012]

At 224 pixels and 21 classes, with flips alone, and with scaling and changes of the colours too. Both pipelines read the
same records, decode and change each image, and use all cores. The time begins with the first batch: TensorFlow traces
the functions of a pipeline before it, once per training.
"""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

from benchmarks.measuring.command import main
from benchmarks.measuring.data import devkit_and_scratch, write_records
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.timing import in_turns, paired

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.measuring.options import Options

SIZE, BATCH = 224, 8


def rows(options: Options) -> Iterator[Row]:
    """Yields a row without and one with scaling and changes of the colours."""
    with devkit_and_scratch(options, train_images=40, val_images=1) as (devkit, scratch):
        yield from rows_of_size(SIZE, BATCH, (False, True), devkit, scratch, options)


def rows_of_size(
    size: int,
    batch: int,
    augmented: Sequence[bool],
    devkit: Path,
    scratch: Path,
    options: Options,
    *,
    epochs: int = 1,
    target: Target | None = None,
) -> Iterator[Row]:
    """Yields a row per augmentation.

    Args:
        size: pixels.
        batch: images per batch.
        augmented: whether the images are scaled and change their colours, or are only flipped.
        devkit: where the pairs are.
        scratch: an empty folder.
        options: what is asked for.
        epochs: how often the records are read, without a pause; more on a machine that needs little time for one.
        target: of each row.
    """
    from tfds_voc_seg.devkit.splits import read_splits
    from tfds_voc_seg.record_config import RecordConfig

    config, count, file = RecordConfig(size), options.size(320, 96), scratch / "records"
    write_records(file, read_splits(devkit)["train"].pairs[:count], config, count)
    for augment in augmented:
        works = [
            functools.partial(work, file, size, len(config.class_names), batch, count, epochs, augment=augment)
            for work in (milliseconds_of_ours, milliseconds_of_reference)
        ]
        for work in works:
            work()  # once, so that the rounds do not measure what a new process does for the first time
        rounds = in_turns(options.rounds_of(full=7 if epochs == 1 else 3, quick=3), *works)
        shown = f"input pipeline at {size} pixels, {'flips, scaling and colours' if augment else 'flips'}"
        yield Row(shown, "`tf.data` and `tf.image`", "ms/image", paired(rounds), target)


def milliseconds_of_ours(
    file: Path, size: int, channels: int, batch: int, count: int, epochs: int, *, augment: bool
) -> float:
    """Reads with the trainer's input pipeline; returns the time per image in milliseconds."""
    from components.training.augmentation_config import AugmentationConfig
    from components.training.input_pipeline import training_batches
    from tfds_voc_seg.records.decoding import image_and_class_map

    augmentation = AugmentationConfig()
    if augment:
        augmentation = AugmentationConfig(scale=(0.5, 2), brightness=0.4, contrast=0.4, saturation=0.4, hue=0.05)
    decode = functools.partial(image_and_class_map, image_size=size, channels=channels)
    batches = training_batches(
        [str(file)], decode, batch_size=batch, augmentation=augmentation, seed=0, epochs=range(epochs), records=count
    )
    return _milliseconds_after_first(batches, batch)


def milliseconds_of_reference(
    file: Path, size: int, channels: int, batch: int, _: int, epochs: int, *, augment: bool
) -> float:
    """Reads with the usual pipeline; returns the time per image in milliseconds."""
    from benchmarks.reference.augmented_batches import batches

    return _milliseconds_after_first(batches(file, size, channels, batch, augment=augment).repeat(epochs), batch)


def _milliseconds_after_first(batches: Any, batch: int) -> float:
    """Returns the time per image between the first and the last batch."""
    iterator = iter(batches)
    next(iterator)
    started = time.monotonic()
    following = sum(1 for _ in iterator)
    return 1000 * (time.monotonic() - started) / (following * batch)


if __name__ == "__main__":
    main(rows)
