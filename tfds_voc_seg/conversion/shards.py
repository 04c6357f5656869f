"""Assigns a split's pairs to shards."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core import file_adapters

from tfds_voc_seg.devkit.folders import Pair
from tfds_voc_seg.record_config import ConversionConfig


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file to write and the pairs that go into it, in order; the format is TFDS's `tfrecord` or `array_record`."""

    path: str
    pairs: tuple[Pair, ...]
    file_format: str = "tfrecord"

    @property
    def progress_file(self) -> epath.Path:
        """In which a worker says how many pairs of this shard it is through with."""
        return epath.Path(f"{self.path}.progress")

    @property
    def adapter(self) -> type[file_adapters.FileAdapter]:
        """TFDS's writer and reader of the format."""
        return file_adapters.ADAPTER_FOR_FORMAT[file_adapters.FileFormat(self.file_format)]

    @property
    def report_file(self) -> epath.Path:
        """In which a worker says what it wrote once the shard is whole."""
        return epath.Path(f"{self.path}.report")


def plan_shards(
    pairs: Sequence[Pair], template: tfds.core.ShardedFileTemplate, config: ConversionConfig
) -> tuple[Shard, ...]:
    """Shuffles the pairs and deals them out to shards, the same way whatever number of workers writes them.

    Args:
        pairs: the split's pairs.
        template: TFDS's naming of a split's files; its suffix is the files' format.
        config: number of shards and seed.
    """
    order = np.random.default_rng(config.seed).permutation(len(pairs))
    num_shards = max(1, min(config.num_shards, len(pairs)))
    return tuple(
        Shard(
            path=str(template.sharded_filepath(shard_index=index, num_shards=num_shards)),
            pairs=tuple(pairs[position] for position in part),
            file_format=str(template.filetype_suffix),
        )
        for index, part in enumerate(np.array_split(order, num_shards))
    )
