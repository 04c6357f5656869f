"""Reading records: decoding and batching compared with the codecs alone, with the same number of threads.

    python -m benchmarks.reading [VOCdevkit/VOC2012]

At 300 × 300 pixels and 21 classes. The reference parses each record and runs the two codecs (PNG and zlib) and nothing
else; TFDS's own decoder is listed too. The readers alternate; each rate is the best of three passes over the records.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import tensorflow as tf

from benchmarks._measuring import devkit_and_scratch, write_records
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.decoding import parse_record
from tfds_voc_seg.records.features import record_features

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONFIG, PAIRS, BATCH, PASSES = RecordConfig(300), 300, 8, 3


def _codecs_alone(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    features = tf.io.parse_single_example(
        serialized, {key: tf.io.FixedLenFeature([], tf.string) for key in ("image", "segmentation_mask")}
    )
    image = tf.io.decode_png(features["image"], channels=3)
    mask = tf.io.decode_compressed(features["segmentation_mask"], "ZLIB")
    return tf.shape(image), tf.strings.length(mask)


def rate(file: Path, decode: Callable[[tf.Tensor], object], *, batch: bool) -> float:
    """Reads all records once and returns the records per second."""
    dataset = tf.data.TFRecordDataset(str(file)).map(decode, num_parallel_calls=2)
    dataset = dataset.batch(BATCH) if batch else dataset
    started = time.monotonic()
    for _ in dataset.prefetch(2):
        pass
    return PAIRS / (time.monotonic() - started)


def main() -> None:
    """Measures and prints the table."""
    channels, features = len(CONFIG.class_names), record_features(CONFIG)
    with devkit_and_scratch(train_images=PAIRS, val_images=1) as (devkit, scratch):
        file = scratch / "records"
        write_records(file, read_splits(devkit)["train"].pairs[:PAIRS], CONFIG, PAIRS)
        readers = {
            "codecs alone": (_codecs_alone, False),
            "decode and batch": (lambda record: parse_record(record, CONFIG.image_size, channels), True),
            "TFDS's decoder, batched": (lambda record: _tensors(features.deserialize_example(record)), True),
        }
        rates = dict.fromkeys(readers, 0.0)
        for _ in range(PASSES):
            for name, (decode, batch) in readers.items():
                rates[name] = max(rates[name], rate(file, decode, batch=batch))
    print(f"{'':26}{'pairs/s':>9}{'× codecs':>10}")
    for name, value in rates.items():
        print(f"{name:26}{value:9.1f}{value / rates['codecs alone']:10.2f}")


def _tensors(example: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    return example["image"], example["segmentation_mask"]


if __name__ == "__main__":
    main()
