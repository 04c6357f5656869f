"""The conversion compared with a usual in-memory preparation and with the codecs alone, and the size of its records.

    python -m benchmarks.conversion [VOCdevkit/VOC2012]

At 300 × 300 pixels and 21 classes, on two processes; a quick run converts in this process alone. The start-up time of a
job is excluded: the time per pair is computed from the difference in time between converting the list three times over
and once.
"""

from __future__ import annotations

import functools
import io
import itertools
import multiprocessing
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from benchmarks.measuring.command import main
from benchmarks.measuring.data import devkit_and_scratch
from benchmarks.measuring.row import Row, Target
from benchmarks.measuring.timing import in_turns, milliseconds, paired, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.measuring.options import Options
    from tfds_voc_seg.devkit.folders import Pair
    from tfds_voc_seg.record_config import RecordConfig

SIZE, LONG, SHORT = 300, 3, 1
PAIRS_OF_A_SIZE = 30


def rows(options: Options) -> Iterator[Row]:
    """Yields the rows of the conversion's time, one per reference, and that of the records' size."""
    from benchmarks.reference.codecs_alone import encode_all
    from benchmarks.reference.in_memory_preparation import prepare
    from tfds_voc_seg.devkit.splits import read_splits
    from tfds_voc_seg.record_config import RecordConfig

    config, processes = RecordConfig(SIZE), options.size(2, 1)
    count = options.size(300, 60)
    with (
        devkit_and_scratch(options, train_images=count, val_images=1) as (devkit, scratch),
        multiprocessing.get_context("spawn").Pool(processes) as pool,
    ):
        pairs = read_splits(devkit)["train"].pairs[:count]
        files = [(pair.photo, pair.mask) for pair in pairs]
        encode = functools.partial(
            encode_all, size=SIZE, channels=len(config.class_names), level=config.mask_compression_level
        )
        folders = (scratch / f"records{number}" for number in itertools.count())

        def convert_once(repeats: int) -> float:
            return seconds(lambda: convert(list(pairs) * repeats, next(folders), processes))

        def encode_in_pool() -> None:
            pool.map(encode, [files[start::processes] for start in range(processes)], chunksize=1)

        convert_once(SHORT)
        encode_in_pool()
        some = pairs[: count // 5]
        rounds = in_turns(
            options.rounds_of(full=3, quick=2),
            lambda: 1000 * (convert_once(LONG) - convert_once(SHORT)) / (count * (LONG - SHORT)),
            lambda: milliseconds(lambda: prepare([(pair.photo, pair.mask) for pair in some], SIZE), len(some)),
            lambda: milliseconds(encode_in_pool, count),
        )
        shown = f"{processes} process{'es' if processes > 1 else ''}"
        name = f"conversion at {SIZE} pixels, {shown}"
        target = options.size(Target(0.286), None)  # of two processes
        yield Row(name, "a notebook's in-memory preparation, 1 process", "ms/pair", paired(rounds), target)
        yield Row(name, f"the codecs alone, {shown}", "ms/pair", paired(rounds, 2), Target(1.25))
        groups = [pairs[start : start + PAIRS_OF_A_SIZE] for start in range(0, min(count, 150), PAIRS_OF_A_SIZE)]
        sizes = tuple(record_sizes(group) for group in groups)
        remark = f"a round is {PAIRS_OF_A_SIZE} pairs"
        yield Row("size of a record", "the photo and an index PNG", "kB", sizes, Target(1.2), remark)


def convert(pairs: Sequence[Pair], folder: Path, processes: int, records: RecordConfig | None = None) -> None:
    """Converts with Beam to a new folder, in this process or in several worker processes, and counts the records."""
    import apache_beam as beam
    import tensorflow_datasets as tfds

    from tfds_voc_seg.conversion.outcome import finish_conversion
    from tfds_voc_seg.conversion.shards import plan_shards
    from tfds_voc_seg.conversion.write_shards import WriteShards
    from tfds_voc_seg.devkit.splits import Listing
    from tfds_voc_seg.record_config import ConversionConfig, RecordConfig

    folder.mkdir()
    config = ConversionConfig(num_shards=8)
    template = tfds.core.ShardedFileTemplate(folder, dataset_name="voc_seg", split="train", filetype_suffix="tfrecord")
    shards = plan_shards(pairs, template, config)
    options = ["--runner=DirectRunner", "--allow_unsafe_triggers"]
    if processes > 1:
        options += ["--direct_running_mode=multi_processing", f"--direct_num_workers={processes}"]
    with beam.Pipeline(argv=options) as pipeline:
        _ = pipeline | WriteShards(shards, records or RecordConfig(SIZE))
    finish_conversion({"train": Listing(tuple(pairs), ())}, {"train": shards}, folder, config)


def record_sizes(pairs: Sequence[Pair]) -> tuple[float, float]:
    """Returns the mean size in kB of a record, and of the same photo with an index PNG instead of the mask."""
    import tensorflow as tf

    from tfds_voc_seg.record_config import RecordConfig
    from tfds_voc_seg.records.encoding import PairEncoder

    encoder, records, plain = PairEncoder(RecordConfig(SIZE)), [], []
    for pair in pairs:
        record = encoder(pair) or b""
        features = tf.train.Example.FromString(record).features.feature
        mask = zlib.decompress(features["segmentation_mask"].bytes_list.value[0])
        one_hot = np.frombuffer(mask, np.uint8).reshape(SIZE, SIZE, -1)
        index = np.where(one_hot.any(axis=-1), one_hot.argmax(axis=-1), 255).astype(np.uint8)
        png = io.BytesIO()
        Image.fromarray(index).save(png, "PNG", optimize=True)
        records.append(len(record))
        plain.append(len(features["image"].bytes_list.value[0]) + len(png.getvalue()))
    return float(np.mean(records)) / 1e3, float(np.mean(plain)) / 1e3


if __name__ == "__main__":
    main(rows)
