"""Files → sharded records on two cores: against the usual in-memory preparation, and against the codecs alone.

    python -m benchmarks.conversion [VOCdevkit/VOC2012]

Without a devkit it draws one. All rates are measured in this run, at 300 × 300 pixels and 21 classes. A job's
start-up is left out by taking the difference between converting the list three times over and once.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.reference.in_memory_preparation import prepare
from tfds_voc_seg.devkit.folders import Pair, find_devkit
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.sample.devkit import write_sample_devkit

CONFIG = RecordConfig(300)
PROCESSES = 2
REFERENCE_PAIRS = 60
LONG, SHORT = 3, 1


def convert(pairs: Sequence[Pair], folder: Path) -> None:
    """Converts with Beam on two worker processes and counts the records."""
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
    options = ["--runner=DirectRunner", "--allow_unsafe_triggers", "--direct_running_mode=multi_processing"]
    with beam.Pipeline(argv=[*options, f"--direct_num_workers={PROCESSES}"]) as pipeline:
        _ = pipeline | WriteShards(shards, CONFIG)
    finish_conversion({"train": Listing(tuple(pairs), ())}, {"train": shards}, folder, config)


def _encode_alone(pairs: Sequence[Pair]) -> int:
    """What can't be left out: decode, resize, encode with the same codecs; nothing checked, nothing written."""
    import tensorflow as tf
    from zlib_ng import zlib_ng

    from tfds_voc_seg.class_maps import class_map, one_hot_mask, resize_class_map
    from tfds_voc_seg.photos import decode_photo, resize_photo

    size, channels, written = CONFIG.image_size, len(CONFIG.class_names), 0
    assert size is not None
    for pair in pairs:
        photo = resize_photo(decode_photo(tf.io.read_file(pair.photo)), size)
        written += len(tf.io.encode_png(photo, compression=1).numpy())
        with Image.open(pair.mask) as image:
            classes = resize_class_map(class_map(np.asarray(image), CONFIG), size)
        one_hot = one_hot_mask(classes, channels)
        written += len(zlib_ng.compress(one_hot.tobytes(), CONFIG.mask_compression_level))
    return written


def codecs_alone(pool: multiprocessing.pool.Pool, pairs: Sequence[Pair]) -> None:
    """Runs the bare loop on two processes that are started and warm."""
    pool.map(_encode_alone, [pairs[start::PROCESSES] for start in range(PROCESSES)], chunksize=1)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of a call."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def record_sizes(pairs: Sequence[Pair]) -> tuple[float, float]:
    """Bytes of a record, and of the same photo with an index PNG, averaged over the pairs."""
    import io

    import tensorflow as tf

    from tfds_voc_seg.records.encoding import PairEncoder

    encoder, records, plain = PairEncoder(CONFIG), [], []
    for pair in pairs:
        record = encoder(pair) or b""
        features = tf.train.Example.FromString(record).features.feature
        mask = zlib.decompress(features["segmentation_mask"].bytes_list.value[0])
        one_hot = np.frombuffer(mask, np.uint8).reshape(CONFIG.image_size, CONFIG.image_size, -1)
        index = np.where(one_hot.any(axis=-1), one_hot.argmax(axis=-1), 255).astype(np.uint8)
        png = io.BytesIO()
        Image.fromarray(index).save(png, "PNG", optimize=True)
        records.append(len(record))
        plain.append(len(features["image"].bytes_list.value[0]) + len(png.getvalue()))
    return float(np.mean(records)), float(np.mean(plain))


def main() -> None:
    """Measures and prints the table."""
    with tempfile.TemporaryDirectory() as scratch:
        if len(sys.argv) > 1:
            devkit = find_devkit(sys.argv[1])
        else:
            devkit = Path(scratch) / "VOC2012"
            write_sample_devkit(devkit, train_images=300, val_images=1)
        pairs = read_splits(devkit)["train"].pairs

        reference = REFERENCE_PAIRS / seconds(lambda: prepare(pairs[:REFERENCE_PAIRS], 300))
        with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
            codecs_alone(pool, pairs[:16])
            bare = len(pairs) / seconds(lambda: codecs_alone(pool, pairs))
        times = {}
        for repeats in (SHORT, LONG):
            folder = Path(scratch) / f"records{repeats}"
            folder.mkdir()
            repeated = list(pairs) * repeats
            times[repeats] = seconds(lambda folder=folder, repeated=repeated: convert(repeated, folder))  # type: ignore[misc]
        ours = (LONG - SHORT) * len(pairs) / (times[LONG] - times[SHORT])
        record, plain = record_sizes(pairs[:150])

    print(f"{len(pairs)} pairs, {PROCESSES} processes, 300 × 300 × {len(CONFIG.class_names)}")
    print(f"{'':36}{'pairs/s':>9}{'ours / it':>11}")
    for name, rate in (("conversion", ours), ("in-memory preparation, 1 process", reference), ("codecs alone", bare)):
        print(f"{name:36}{rate:9.1f}{ours / rate:11.2f}")
    print(f"\na record: {record / 1e3:.1f} kB, {record / plain:.3f} × photo and index PNG ({plain / 1e3:.1f} kB)")


if __name__ == "__main__":
    main()
