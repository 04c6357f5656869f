"""The batches of a training, without the training: compared with a usual pipeline of `tf.data` and `tf.image`.

    python -m benchmarks.input_pipeline [VOCdevkit/VOC2012]

At 224 pixels and 21 classes, with flips alone, and with scaling and changes of the colours too. Both pipelines read the
same records, decode and change each image, and use all cores.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from benchmarks.measuring.command import main
from benchmarks.measuring.data import devkit_and_scratch, write_records
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.timing import in_turns, milliseconds, paired

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
        target: of each row.
    """
    from tfds_voc_seg.devkit.splits import read_splits
    from tfds_voc_seg.record_config import RecordConfig

    config, count, file = RecordConfig(size), options.size(320, 96), scratch / "records"
    write_records(file, read_splits(devkit)["train"].pairs[:count], config, count)
    for augment in augmented:
        works = [
            functools.partial(work, file, size, len(config.class_names), batch, count, augment=augment)
            for work in (read_ours, read_reference)
        ]
        for work in works:
            work()  # once, so that the rounds measure no tracing of a new process
        rounds = in_turns(
            options.rounds_of(full=7, quick=3), *(functools.partial(milliseconds, work, count) for work in works)
        )
        shown = f"input pipeline at {size} pixels, {'flips, scaling and colours' if augment else 'flips'}"
        yield Row(shown, "`tf.data` and `tf.image`", "ms/image", paired(rounds), target)


def read_ours(file: Path, size: int, channels: int, batch: int, count: int, *, augment: bool) -> None:
    """Reads one epoch with the trainer's input pipeline."""
    from components.training.augmentation_config import AugmentationConfig
    from components.training.input_pipeline import training_batches
    from tfds_voc_seg.records.decoding import image_and_class_map

    augmentation = AugmentationConfig()
    if augment:
        augmentation = AugmentationConfig(scale=(0.5, 2), brightness=0.4, contrast=0.4, saturation=0.4, hue=0.05)
    decode = functools.partial(image_and_class_map, image_size=size, channels=channels)
    batches = training_batches(
        [str(file)], decode, batch_size=batch, augmentation=augmentation, seed=0, epochs=range(1), records=count
    )
    for _ in batches:
        pass


def read_reference(file: Path, size: int, channels: int, batch: int, _: int, *, augment: bool) -> None:
    """Reads one epoch with the usual pipeline."""
    from benchmarks.reference.augmented_batches import batches

    for _batch in batches(file, size, channels, batch, augment=augment):
        pass


if __name__ == "__main__":
    main(rows)
