"""Plans the shards of a split: which file contains which pairs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from etils import epath
from tensorflow_datasets.core import file_adapters

if TYPE_CHECKING:
    from collections.abc import Sequence

    import tensorflow_datasets as tfds

    from tfds_voc_seg.devkit.folders import Pair
    from tfds_voc_seg.record_config import ConversionConfig


@dataclasses.dataclass(frozen=True)
class Shard:
    """A record file to write.

    Attributes:
        path: path of the file.
        pairs: the pairs that the file contains, in order.
        file_format: TFDS's name of the format, `tfrecord` or `array_record`.
    """

    path: str
    pairs: tuple[Pair, ...]
    file_format: str = "tfrecord"

    @property
    def progress_file(self) -> epath.Path:
        """The file in which a worker writes how many pairs of this shard it has converted."""
        return epath.Path(f"{self.path}.progress")

    @property
    def adapter(self) -> type[file_adapters.FileAdapter]:
        """TFDS's writer and reader of the format."""
        adapter: type[file_adapters.FileAdapter] = file_adapters.ADAPTER_FOR_FORMAT[
            file_adapters.FileFormat(self.file_format)
        ]
        return adapter

    @property
    def report_file(self) -> epath.Path:
        """The file in which a worker reports what it wrote, once the shard is complete."""
        return epath.Path(f"{self.path}.report")


def plan_shards(
    pairs: Sequence[Pair], template: tfds.core.ShardedFileTemplate, config: ConversionConfig
) -> tuple[Shard, ...]:
    """Shuffles the pairs and distributes them evenly over shards; the result does not depend on the number of workers.

    Args:
        pairs: the pairs of the split.
        template: TFDS's template of the file names; its suffix is the file format.
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
