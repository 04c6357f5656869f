"""The Beam job that writes pairs as sharded records: one element a shard, so that memory stays flat."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from etils import epath

from tfds_voc_seg.devkit import Pair
from tfds_voc_seg.encoding import PairEncoder
from tfds_voc_seg.record_config import RecordConfig

_PROGRESS_SUFFIX = ".progress"
_PROGRESS_EVERY = 8  # pairs


class ConversionError(RuntimeError):
    """A conversion that did not write what it was asked to."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file to write and the pairs that go into it, in order."""

    path: str
    pairs: tuple[Pair, ...]

    @property
    def progress_path(self) -> epath.Path:
        """The file in which a worker says how many pairs of this shard it has written so far."""
        return epath.Path(self.path + _PROGRESS_SUFFIX)


def plan_shards(pairs: Sequence[Pair], folder: epath.PathLike, name: str, num_shards: int, seed: int) -> list[Shard]:
    """Shuffles the pairs and deals them out to shards, the same way whatever number of workers writes them.

    Args:
        pairs: the split's pairs.
        folder: where the shards go.
        name: the shards' file name before `.tfrecord-00000-of-00004`.
        num_shards: how many shards to write; never more than there are pairs.
        seed: the shuffling's seed.
    """
    order = np.random.default_rng(seed).permutation(len(pairs))
    num_shards = max(1, min(num_shards, len(pairs)))
    return [
        Shard(
            str(epath.Path(folder) / f"{name}.tfrecord-{index:05d}-of-{num_shards:05d}"),
            tuple(pairs[position] for position in part),
        )
        for index, part in enumerate(np.array_split(order, num_shards))
    ]


class WriteShards(beam.PTransform):
    """Writes shards, each whole or not at all, and yields the paths written.

    Input: the pipeline's begin. Output: a PCollection of str.
    """

    def __init__(self, shards: Iterable[Shard], config: RecordConfig):
        super().__init__()
        self._shards = list(shards)
        self._config = config

    def expand(self, pipeline: Any) -> Any:  # noqa: D102
        return (
            pipeline
            | "Shards" >> beam.Create(self._shards)
            | "OneShardAWorker" >> beam.Reshuffle()
            | "WriteShard" >> beam.ParDo(_WriteShard(self._config))
        )


class _WriteShard(beam.DoFn):
    def __init__(self, config: RecordConfig):
        self._config = config

    def setup(self) -> None:
        self._encode = PairEncoder(self._config)

    def process(self, shard: Shard) -> Iterator[str]:
        temporary = f"{shard.path}.incomplete"
        with tf.io.TFRecordWriter(temporary) as writer:
            for written, pair in enumerate(shard.pairs, start=1):
                writer.write(self._encode(pair))
                if written % _PROGRESS_EVERY == 0:
                    _write_whole(shard.progress_path, str(written))
        epath.Path(temporary).replace(shard.path)
        yield shard.path


def _write_whole(path: epath.Path, text: str) -> None:
    temporary = epath.Path(f"{path}.incomplete")
    temporary.write_text(text)
    temporary.replace(path)


def pairs_written(shards: Iterable[Shard]) -> int:
    """Counts the pairs that workers, in whatever process, have written so far."""
    written = 0
    for shard in shards:
        if epath.Path(shard.path).exists():
            written += len(shard.pairs)
        elif shard.progress_path.exists():
            written += int(shard.progress_path.read_text())
    return written


def verify_shards(shards: Iterable[Shard]) -> int:
    """Counts the records in the files against the plan and removes the progress files.

    Returns:
        The number of records.

    Raises:
        ConversionError: a file is missing or holds another number of records than planned.
    """
    total = 0
    for shard in shards:
        shard.progress_path.unlink(missing_ok=True)
        if not epath.Path(shard.path).exists():
            raise ConversionError(f"{shard.path} was not written; run the conversion again.")
        count = sum(1 for _ in tf.data.TFRecordDataset(shard.path))
        if count != len(shard.pairs):
            raise ConversionError(f"{shard.path} holds {count} records instead of {len(shard.pairs)}; run again.")
        total += count
    return total
