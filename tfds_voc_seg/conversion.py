"""The Beam job that writes pairs as sharded records: one element a shard, so that memory stays flat."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_datasets as tfds
from apache_beam.options.pipeline_options import DirectOptions
from etils import epath
from tensorflow_datasets.core import file_adapters

from tfds_voc_seg.devkit import DevkitError, Listing, Pair, Problem, problems_error
from tfds_voc_seg.encoding import PairEncoder, PairError
from tfds_voc_seg.record_config import OnBadPair, RecordConfig

REJECTS_FILE = "rejects.jsonl"
_PROGRESS_EVERY = 8  # pairs
_POLL_SECONDS = 0.3


class ConversionError(RuntimeError):
    """A conversion that did not write what it was asked to."""


@dataclasses.dataclass(frozen=True)
class ConversionConfig:
    """How pairs are dealt out to files, and what becomes of bad ones.

    Attributes:
        num_shards: files a split; never more than it has pairs.
        seed: of the shuffling, which does not depend on the number of workers.
        on_bad_pair: `"fail"` lists all problems and fails; `"skip"` leaves the bad pairs out.
        max_bad_fraction: with `"skip"`, fail if more than this share of a split's pairs is bad.
    """

    num_shards: int = 4
    seed: int = 0
    on_bad_pair: OnBadPair = "fail"
    max_bad_fraction: float = 0.1


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


@dataclasses.dataclass(frozen=True)
class SplitReport:
    """What became of a split.

    Attributes:
        shard_lengths: records in each file, counted in the file.
        num_bytes: bytes of the records.
        rejected: the pairs that were left out because something is wrong with them.
        dropped: pairs left out because they hold none of the classes.
    """

    shard_lengths: tuple[int, ...]
    num_bytes: int
    rejected: tuple[Problem, ...]
    dropped: int


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


class WriteShards(beam.PTransform):
    """Writes shards, each whole or not at all, and yields the paths written.

    Input: the pipeline's begin. Output: a PCollection of str.

    Raises:
        ConversionError: the pipeline's options ask for threads, which lose elements.
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
        sizes: list[int] = []
        problems: list[Problem] = []
        shard.adapter.write_examples(temporary, self._records(shard, sizes, problems))
        report = {
            "records": len(sizes),
            "num_bytes": sum(sizes),
            "rejected": [dataclasses.asdict(problem) for problem in problems],
        }
        _write_whole(shard.report_file, json.dumps(report))
        epath.Path(temporary).replace(shard.path)
        yield shard.path

    def _records(self, shard: Shard, sizes: list[int], problems: list[Problem]) -> Iterator[tuple[str, bytes]]:
        """Yields each good pair's id and record; notes the records' sizes and the bad pairs."""
        for done, pair in enumerate(shard.pairs, start=1):
            try:
                record = self._encode(pair)
            except PairError as error:
                problems += error.problems
                continue
            if record is not None:
                sizes.append(len(record))
                yield pair.image_id, record
            if done % _PROGRESS_EVERY == 0:
                _write_whole(shard.progress_file, str(done))


def _write_whole(path: epath.Path, text: str) -> None:
    temporary = epath.Path(f"{path}.incomplete")
    temporary.write_text(text)
    temporary.replace(path)


def pairs_done(shards: Iterable[Shard]) -> int:
    """Counts the pairs that workers, in whatever process, are through with so far."""
    done = 0
    for shard in shards:
        if epath.Path(shard.path).exists():
            done += len(shard.pairs)
        elif shard.progress_file.exists():
            done += int(shard.progress_file.read_text())
    return done


@contextlib.contextmanager
def watched(shards: Sequence[Shard], on_progress: Callable[[int, int], None]) -> Iterator[None]:
    """Calls `on_progress` with the pairs done and of all while the `with` block runs the job, and at its end."""
    total = sum(len(shard.pairs) for shard in shards)
    finished = threading.Event()

    def poll() -> None:
        while not finished.wait(_POLL_SECONDS):
            on_progress(pairs_done(shards), total)

    poller = threading.Thread(target=poll, daemon=True)
    poller.start()
    try:
        yield
    finally:
        finished.set()
        poller.join()
    on_progress(pairs_done(shards), total)


def finish_conversion(
    listings: Mapping[str, Listing],
    shards: Mapping[str, Sequence[Shard]],
    folder: epath.PathLike,
    config: ConversionConfig,
) -> dict[str, SplitReport]:
    """Counts the records in the files against the plan, writes `rejects.jsonl` and judges the bad pairs.

    Args:
        listings: split → what its list held.
        shards: split → its shards, written by `WriteShards`.
        folder: where `rejects.jsonl` goes; it is written where there is any bad pair.
        config: what becomes of bad pairs.

    Returns:
        Split → what became of it.

    Raises:
        ConversionError: a file is missing, or holds another number of records than its worker wrote.
        DevkitError: bad pairs, and the configuration says to fail or there are too many; or a split without a record.
    """
    reports = {split: _finish_split(listings[split], shards[split]) for split in listings}
    rejected = [(split, problem) for split, report in reports.items() for problem in report.rejected]
    if rejected:
        lines = [json.dumps({"split": split, **dataclasses.asdict(problem)}) for split, problem in rejected]
        _write_whole(epath.Path(folder) / REJECTS_FILE, "\n".join([*lines, ""]))
    if rejected and config.on_bad_pair == "fail":
        problems = [problem for _, problem in rejected]
        raise problems_error(
            f"{len(problems)} problem(s) with the devkit's pairs; mend them, or leave them out with on_bad_pair=skip",
            problems,
        )
    for split, report in reports.items():
        bad = len({problem.image_id for problem in report.rejected})
        listed = bad + report.dropped + sum(report.shard_lengths)
        if bad > config.max_bad_fraction * listed:
            raise problems_error(
                f"{bad} of {listed} images of split {split!r} are bad, more than max_bad_fraction "
                f"{config.max_bad_fraction:g} allows",
                report.rejected,
            )
        if not sum(report.shard_lengths):
            raise DevkitError(
                f"no image of split {split!r} is left to convert: none holds any of the classes; "
                "choose other classes or turn drop_empty off"
            )
    return reports


def _finish_split(listing: Listing, shards: Sequence[Shard]) -> SplitReport:
    lengths, num_bytes, dropped = [], 0, 0
    rejected = list(listing.problems)
    for shard in shards:
        if not (epath.Path(shard.path).exists() and shard.report_file.exists()):
            raise ConversionError(f"{shard.path} was not written; run the conversion again.")
        report = json.loads(shard.report_file.read_text())
        count = shard.adapter.num_examples(shard.path)
        if count != report["records"]:
            raise ConversionError(f"{shard.path} holds {count} records instead of {report['records']}; run again.")
        lengths.append(count)
        num_bytes += report["num_bytes"]
        rejected += [Problem(**problem) for problem in report["rejected"]]
        dropped += len(shard.pairs) - count - len(report["rejected"])
        shard.report_file.unlink()
        shard.progress_file.unlink(missing_ok=True)
    return SplitReport(tuple(lengths), num_bytes, tuple(rejected), dropped)
