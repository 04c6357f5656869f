"""Reading records: decoding and batching compared with the codecs alone, with the same number of threads.

    python -m benchmarks.reading [VOCdevkit/VOC2012]

At 300 × 300 pixels and 21 classes. The reference parses each record and runs the two codecs (PNG and zlib) and nothing
else. TFDS's own decoder is compared with it too. A round reads all records with datasets that exist already: to make
one, TensorFlow traces its functions, once per training, which takes as long as dozens of records.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from benchmarks.measuring.command import main
from benchmarks.measuring.data import devkit_and_scratch, write_records
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.timing import in_turns, milliseconds, paired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.measuring.options import Options

SIZE, BATCH, THREADS = 300, 8, 2


def rows(options: Options) -> Iterator[Row]:
    """Yields the rows of our decoder and of TFDS's."""
    from benchmarks.reference.records import codecs_alone
    from tfds_voc_seg.devkit.splits import read_splits
    from tfds_voc_seg.record_config import RecordConfig
    from tfds_voc_seg.records.decoding import parse_record
    from tfds_voc_seg.records.features import record_features

    config, count = RecordConfig(SIZE), 300
    features = record_features(config)

    def tfds_decoder(record: Any) -> tuple[Any, Any]:
        example = features.deserialize_example(record)
        return example["image"], example["segmentation_mask"]

    with devkit_and_scratch(options, train_images=options.size(300, 40), val_images=1) as (devkit, scratch):
        file = scratch / "records"
        write_records(file, read_splits(devkit)["train"].pairs[:count], config, count)
        ours = functools.partial(parse_record, image_size=SIZE, channels=len(config.class_names))
        works = [
            functools.partial(read, dataset)
            for dataset in (decoded(file, ours), decoded(file, tfds_decoder), codecs_alone(file, THREADS))
        ]
        for work in works:
            work()  # once, so that the rounds measure nothing that a new process does for the first time
        rounds = in_turns(options.rounds or 7, *(functools.partial(milliseconds, work, count) for work in works))
    reference = f"the codecs alone, {THREADS} threads"
    yield Row(f"reading at {SIZE} pixels", reference, "ms/record", paired(rounds, 2), Target(1.25))
    yield Row(f"reading with TFDS's decoder at {SIZE} pixels", reference, "ms/record", paired([r[1:] for r in rounds]))


def decoded(file: Path, decode: Callable[[Any], object]) -> Any:
    """Returns a dataset that decodes all records of a file in batches."""
    import tensorflow as tf

    return tf.data.TFRecordDataset(str(file)).map(decode, num_parallel_calls=THREADS).batch(BATCH).prefetch(2)


def read(dataset: Any) -> None:
    """Reads a dataset once, and drops what it yields."""
    for _ in dataset:
        pass


if __name__ == "__main__":
    main(rows)
