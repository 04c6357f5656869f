"""Throughput of the conversion on two cores, compared with a usual in-memory preparation and with the codecs alone.

    python -m benchmarks.conversion [VOCdevkit/VOC2012]

Without an argument it measures on a sample devkit. All rates are measured in this run, at 300 × 300 pixels and 21
classes. The start-up time of a job is excluded: the rate is computed from the difference in time between converting
the list three times over and once.
"""

from __future__ import annotations

import functools
import multiprocessing
import time
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from benchmarks._measuring import devkit_and_scratch
from benchmarks.reference.in_memory_preparation import prepare
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.record_config import RecordConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tfds_voc_seg.devkit.folders import Pair

IMAGE_SIZE = 300
CONFIG = RecordConfig(IMAGE_SIZE)
PROCESSES = 2
REFERENCE_PAIRS = 60
LONG, SHORT = 3, 1


def convert(pairs: Sequence[Pair], folder: Path, *, processes: int | None = None) -> None:
    """Converts with Beam, in this process or in several worker processes, and counts the records."""
    import apache_beam as beam
    import tensorflow_datasets as tfds

    from tfds_voc_seg.conversion.outcome import finish_conversion
    from tfds_voc_seg.conversion.shards import plan_shards
    from tfds_voc_seg.conversion.write_shards import WriteShards
    from tfds_voc_seg.devkit.splits import Listing
    from tfds_voc_seg.record_config import ConversionConfig

    config = ConversionConfig(num_shards=4 * PROCESSES)
    template = tfds.core.ShardedFileTemplate(folder, dataset_name="voc_seg", split="train", filetype_suffix="tfrecord")
    shards = plan_shards(pairs, template, config)
    options = ["--runner=DirectRunner", "--allow_unsafe_triggers"]
    if processes:
        options += ["--direct_running_mode=multi_processing", f"--direct_num_workers={processes}"]
    with beam.Pipeline(argv=options) as pipeline:
        _ = pipeline | WriteShards(shards, CONFIG)
    finish_conversion({"train": Listing(tuple(pairs), ())}, {"train": shards}, folder, config)


def _encode_alone(pairs: Sequence[Pair]) -> int:
    """Decodes, resizes and encodes with the same codecs, without checks or writing; returns the bytes encoded."""
    import tensorflow as tf
    from zlib_ng import zlib_ng

    from tfds_voc_seg.class_maps import class_map, one_hot_mask, resize_class_map
    from tfds_voc_seg.photos import decode_photo, resize_photo

    size, channels, encoded = IMAGE_SIZE, len(CONFIG.class_names), 0
    for pair in pairs:
        photo = resize_photo(decode_photo(tf.io.read_file(pair.photo)), size)
        encoded += len(tf.io.encode_png(photo, compression=1).numpy())
        with Image.open(pair.mask) as image:
            classes = resize_class_map(class_map(np.asarray(image), CONFIG), size)
        one_hot = one_hot_mask(classes, channels)
        encoded += len(zlib_ng.compress(one_hot.tobytes(), CONFIG.mask_compression_level))
    return encoded


def codecs_alone(pool: multiprocessing.pool.Pool, pairs: Sequence[Pair]) -> None:
    """Runs `_encode_alone` on the processes of a pool."""
    pool.map(_encode_alone, [pairs[start::PROCESSES] for start in range(PROCESSES)], chunksize=1)


def seconds(work: Callable[[], object]) -> float:
    """Returns the wall time of a call."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def record_sizes(pairs: Sequence[Pair]) -> tuple[float, float]:
    """Returns the mean size in bytes of a record, and of the same photo with an index PNG instead of the mask."""
    import io

    import tensorflow as tf

    from tfds_voc_seg.records.encoding import PairEncoder

    encoder, records, plain = PairEncoder(CONFIG), [], []
    for pair in pairs:
        record = encoder(pair) or b""
        features = tf.train.Example.FromString(record).features.feature
        mask = zlib.decompress(features["segmentation_mask"].bytes_list.value[0])
        one_hot = np.frombuffer(mask, np.uint8).reshape(IMAGE_SIZE, IMAGE_SIZE, -1)
        index = np.where(one_hot.any(axis=-1), one_hot.argmax(axis=-1), 255).astype(np.uint8)
        png = io.BytesIO()
        Image.fromarray(index).save(png, "PNG", optimize=True)
        records.append(len(record))
        plain.append(len(features["image"].bytes_list.value[0]) + len(png.getvalue()))
    return float(np.mean(records)), float(np.mean(plain))


def main() -> None:
    """Measures and prints the table."""
    with devkit_and_scratch(train_images=300, val_images=1) as (devkit, scratch):
        pairs = read_splits(devkit)["train"].pairs

        reference = REFERENCE_PAIRS / seconds(lambda: prepare(pairs[:REFERENCE_PAIRS], IMAGE_SIZE))
        with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
            codecs_alone(pool, pairs[:16])
            bare = len(pairs) / seconds(lambda: codecs_alone(pool, pairs))
        times = {}
        for repeats in (SHORT, LONG):
            folder = scratch / f"records{repeats}"
            folder.mkdir()
            repeated = list(pairs) * repeats
            work = functools.partial(convert, repeated, folder, processes=PROCESSES)
            times[repeats] = seconds(work)
        ours = (LONG - SHORT) * len(pairs) / (times[LONG] - times[SHORT])
        record, plain = record_sizes(pairs[:150])

    print(f"{len(pairs)} pairs, {PROCESSES} processes, 300 × 300 × {len(CONFIG.class_names)}")
    print(f"{'':36}{'pairs/s':>9}{'ours / it':>11}")
    for name, rate in (("conversion", ours), ("in-memory preparation, 1 process", reference), ("codecs alone", bare)):
        print(f"{name:36}{rate:9.1f}{ours / rate:11.2f}")
    print(f"\na record: {record / 1e3:.1f} kB, {record / plain:.3f} × photo and index PNG ({plain / 1e3:.1f} kB)")


if __name__ == "__main__":
    main()
