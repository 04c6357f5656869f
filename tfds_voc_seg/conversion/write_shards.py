"""The Beam transform that writes pairs as sharded records; one element per shard keeps memory use constant."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.options.pipeline_options import DirectOptions

from tfds_voc_seg.devkit.folders import PairError
from tfds_voc_seg.disk_errors import full_disk_problem
from tfds_voc_seg.records.encoding import PairEncoder
from tfds_voc_seg.storage import write_text_whole, written_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tfds_voc_seg.conversion.shards import Shard
    from tfds_voc_seg.devkit.problems import Problem
    from tfds_voc_seg.record_config import RecordConfig

_PROGRESS_INTERVAL = 8  # pairs


class ConversionError(RuntimeError):
    """A conversion cannot run, or did not write all records."""


class WriteShards(beam.PTransform):
    """Writes shards and yields the paths of the written files. A shard is written completely or not at all.

    Input: the root of a pipeline. Output: a PCollection of str.

    Raises:
        ConversionError: the pipeline's options select multi-threading, which loses elements.
    """

    def __init__(self, shards: Iterable[Shard], config: RecordConfig):
        super().__init__()
        self._shards = list(shards)
        self._config = config

    def expand(self, pipeline: Any) -> Any:  # noqa: D102
        if pipeline.pipeline.options.view_as(DirectOptions).direct_running_mode == "multi_threading":
            raise ConversionError(
                "direct_running_mode=multi_threading silently loses records; use multi_processing, or in_memory"
            )
        return (
            pipeline
            | "Shards" >> beam.Create(self._shards)
            | "DistributeShards" >> beam.Reshuffle()
            | "WriteShard" >> beam.ParDo(_WriteShard(self._config))
        )


class _WriteShard(beam.DoFn):
    def __init__(self, config: RecordConfig):
        self._config = config

    def setup(self) -> None:
        self._encode = PairEncoder(self._config)

    def process(self, shard: Shard) -> Iterator[str]:
        sizes: list[int] = []
        problems: list[Problem] = []
        try:
            self._write(shard, sizes, problems)
        except (OSError, tf.errors.OpError) as error:
            if problem := full_disk_problem(error, shard.path):
                raise ConversionError(problem) from error
            raise
        yield shard.path

    def _write(self, shard: Shard, sizes: list[int], problems: list[Problem]) -> None:
        # An engine may start a shard again while a worker that it has lost still writes it.
        with written_whole(shard.path, contested=True) as unfinished:
            shard.adapter.write_examples(str(unfinished), self._records(shard, sizes, problems))
            report = {
                "records": len(sizes),
                "num_bytes": sum(sizes),
                "rejected": [dataclasses.asdict(problem) for problem in problems],
            }
            write_text_whole(shard.report_file, json.dumps(report), contested=True)

    def _records(self, shard: Shard, sizes: list[int], problems: list[Problem]) -> Iterator[tuple[str, bytes]]:
        """Yields the id and the record of each valid pair; appends to `sizes` and `problems`."""
        for done, pair in enumerate(shard.pairs, start=1):
            try:
                record = self._encode(pair)
            except PairError as error:
                problems += error.problems
                continue
            if record is not None:
                sizes.append(len(record))
                yield pair.image_id, record
            if done % _PROGRESS_INTERVAL == 0:
                write_text_whole(shard.progress_file, str(done), flushed=False, contested=True)
