"""Peak memory of the conversion: it does not grow with the number of pairs.

    python -m benchmarks.conversion_memory [VOCdevkit/VOC2012]

Converts a list of 600 pairs and one of 6,000 (the devkit's list repeated) at 300 × 300 pixels and 21 classes, each in a
process of its own with Beam in that process. Without a devkit it draws one.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from benchmarks._measuring import devkit_and_scratch, peak_memory_of_process, print_peaks
from tfds_voc_seg.devkit.splits import Listing, read_splits
from tfds_voc_seg.record_config import RecordConfig

SIZES = (600, 6_000)


def peak_memory(devkit: Path, count: int) -> float:
    """Converts `count` pairs in this process and gives its peak memory in GB."""
    import apache_beam as beam
    import tensorflow_datasets as tfds

    from tfds_voc_seg.conversion.outcome import finish_conversion
    from tfds_voc_seg.conversion.shards import plan_shards
    from tfds_voc_seg.conversion.write_shards import WriteShards
    from tfds_voc_seg.record_config import ConversionConfig

    pairs = tuple(itertools.islice(itertools.cycle(read_splits(devkit)["train"].pairs), count))
    with tempfile.TemporaryDirectory() as folder:
        template = tfds.core.ShardedFileTemplate(
            Path(folder), dataset_name="voc_seg", split="train", filetype_suffix="tfrecord"
        )
        config = ConversionConfig(num_shards=8)
        shards = plan_shards(pairs, template, config)
        with beam.Pipeline(argv=["--runner=DirectRunner", "--allow_unsafe_triggers"]) as pipeline:
            _ = pipeline | WriteShards(shards, RecordConfig(300))
        finish_conversion({"train": Listing(pairs, ())}, {"train": shards}, folder, config)
    return peak_memory_of_process()


def main() -> None:
    """Measures and prints the table."""
    with devkit_and_scratch(train_images=300, val_images=1) as (devkit, _):
        print_peaks("pairs", peak_memory, devkit, SIZES)


if __name__ == "__main__":
    main()
