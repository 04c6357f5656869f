"""Runs the conversion of a devkit, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow as tf
import tensorflow_datasets as tfds

from tfds_voc_seg.conversion.outcome import ConvertedSplit, finish_conversion
from tfds_voc_seg.conversion.shards import plan_shards
from tfds_voc_seg.conversion.write_shards import WriteShards
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.record_config import ConversionConfig, RecordConfig
from tfds_voc_seg.records.features import record_features

CONFIG = RecordConfig(32, ("car", "person"))
BEAM_ARGS = ("--runner=DirectRunner", "--allow_unsafe_triggers")


def shard_template(folder: Path, split: str) -> tfds.core.ShardedFileTemplate:
    """Returns the template of the names of a split's files."""
    return tfds.core.ShardedFileTemplate(folder, dataset_name="voc_seg", split=split, filetype_suffix="tfrecord")


class Job:
    """A conversion of a devkit's two splits into one folder, in the same steps as VocExampleGen and the TFDS builder.

    Attributes:
        folder: the folder with the files.
        config: the settings of the conversion.
        listings: split → its pairs.
        shards: split → its shards.
    """

    def __init__(self, devkit: Path, folder: Path, beam_args: tuple[str, ...] = BEAM_ARGS, **settings: Any):
        folder.mkdir(exist_ok=True)
        self.folder, self.config = folder, ConversionConfig(**settings)
        self.listings = read_splits(devkit)
        self.shards = {
            split: plan_shards(listing.pairs, shard_template(folder, split), self.config)
            for split, listing in self.listings.items()
        }
        with beam.Pipeline(argv=list(beam_args)) as pipeline:
            _ = pipeline | WriteShards([s for shards in self.shards.values() for s in shards], CONFIG)

    def finish(self) -> dict[str, ConvertedSplit]:
        """Checks the results of all shards and returns split → its report."""
        return finish_conversion(self.listings, self.shards, self.folder, self.config)

    def names(self, split: str) -> list[str]:
        """Returns the names of the images in a split's records."""
        features = record_features(CONFIG)
        records = tf.data.TFRecordDataset([shard.path for shard in self.shards[split]])
        return [features.deserialize_example(record)["filename"].numpy().decode() for record in records]

    def files(self) -> dict[str, bytes]:
        """Returns the name and the content of each file."""
        return {Path(s.path).name: Path(s.path).read_bytes() for shards in self.shards.values() for s in shards}
