"""Reading records: decoding and batching against merely decoding the bytes, with the same threads.

    python -m benchmarks.reading [VOCdevkit/VOC2012]

At 300 × 300 pixels and 21 classes. The reference parses each record and runs the two codecs (PNG and zlib) and nothing
else; TFDS's own decoder stands beside. Each rate is the best of three passes over the records, in turn.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.decoding import parse_record
from tfds_voc_seg.records.encoding import PairEncoder
from tfds_voc_seg.records.features import record_features
from tfds_voc_seg.sample.devkit import write_sample_devkit

CONFIG, PAIRS, BATCH, PASSES = RecordConfig(300), 300, 8, 3


def _codecs_alone(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    features = tf.io.parse_single_example(
        serialized, {key: tf.io.FixedLenFeature([], tf.string) for key in ("image", "segmentation_mask")}
    )
    image = tf.io.decode_png(features["image"], channels=3)
    mask = tf.io.decode_compressed(features["segmentation_mask"], "ZLIB")
    return tf.shape(image), tf.strings.length(mask)


def rate(file: str, decode: Callable[[tf.Tensor], object], *, batch: bool) -> float:
    """Records a second of one pass."""
    dataset = tf.data.TFRecordDataset(file).map(decode, num_parallel_calls=2)
    dataset = dataset.batch(BATCH) if batch else dataset
    started = time.monotonic()
    for _ in dataset.prefetch(2):
        pass
    return PAIRS / (time.monotonic() - started)


def main() -> None:
    """Measures and prints the table."""
    channels, features = len(CONFIG.class_names), record_features(CONFIG)
    with tempfile.TemporaryDirectory() as scratch:
        if len(sys.argv) > 1:
            devkit = find_devkit(sys.argv[1])
        else:
            devkit = Path(scratch) / "VOC2012"
            write_sample_devkit(devkit, train_images=PAIRS, val_images=1)
        file, encoder = f"{scratch}/records", PairEncoder(CONFIG)
        with tf.io.TFRecordWriter(file) as writer:
            for pair in read_splits(devkit)["train"].pairs[:PAIRS]:
                writer.write(encoder(pair))
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
