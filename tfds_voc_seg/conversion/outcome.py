"""Checks what a conversion wrote against its plan."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence

from etils import epath

from tfds_voc_seg.conversion.shards import Shard
from tfds_voc_seg.conversion.write_shards import ConversionError
from tfds_voc_seg.devkit.problems import DevkitError, Problem, problems_error
from tfds_voc_seg.devkit.splits import Listing
from tfds_voc_seg.record_config import ConversionConfig
from tfds_voc_seg.records.files import REJECTS_FILE
from tfds_voc_seg.storage import write_text_whole


@dataclasses.dataclass(frozen=True)
class ConvertedSplit:
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


def finish_conversion(
    listings: Mapping[str, Listing],
    shards: Mapping[str, Sequence[Shard]],
    folder: epath.PathLike,
    config: ConversionConfig,
) -> dict[str, ConvertedSplit]:
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
        write_text_whole(epath.Path(folder) / REJECTS_FILE, "\n".join([*lines, ""]))
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


def _finish_split(listing: Listing, shards: Sequence[Shard]) -> ConvertedSplit:
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
    return ConvertedSplit(tuple(lengths), num_bytes, tuple(rejected), dropped)
