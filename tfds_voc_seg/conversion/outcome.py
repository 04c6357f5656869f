"""Checks the files of a finished conversion against its plan, and reports the bad pairs."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from etils import epath

from tfds_voc_seg.conversion.write_shards import ConversionError
from tfds_voc_seg.devkit.problems import DevkitError, Problem, problems_error
from tfds_voc_seg.records.files import REJECTS_FILE
from tfds_voc_seg.storage import remove_unfinished, write_text_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tfds_voc_seg.conversion.shards import Shard
    from tfds_voc_seg.devkit.splits import Listing
    from tfds_voc_seg.record_config import ConversionConfig


@dataclasses.dataclass(frozen=True)
class ConvertedSplit:
    """The result of converting one split.

    Attributes:
        shard_lengths: number of records in each file, counted in the file.
        num_bytes: total size of the records in bytes.
        rejected: the problems of the bad pairs, which are not in the records.
        dropped: number of pairs that were skipped because they contain none of the classes.
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
    """Compares the number of records in the files with the plan, and writes the bad pairs to `rejects.jsonl`.

    Args:
        listings: split → the content of its list.
        shards: split → its shards, written by `WriteShards`.
        folder: folder of `rejects.jsonl`, which is written only if there are bad pairs.
        config: how to treat bad pairs.

    Returns:
        Split → its result.

    Raises:
        ConversionError: a file is missing, or its number of records differs from what its worker reported.
        DevkitError: there are more bad pairs than the configuration allows, or a split has no record.
    """
    reports = {split: _finish_split(listings[split], shards[split]) for split in listings}
    rejected = [(split, problem) for split, report in reports.items() for problem in report.rejected]
    if rejected:
        write_rejects(folder, rejected)
    if rejected and config.on_bad_pair == "fail":
        problems = [problem for _, problem in rejected]
        raise problems_error(
            f"{len(problems)} problem(s) with the devkit's pairs; fix them, or skip these pairs with on_bad_pair=skip",
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
                f"no image of split {split!r} contains any of the classes: "
                "choose other classes or set drop_empty to false"
            )
    return reports


def write_rejects(folder: epath.PathLike, rejected: Sequence[tuple[str, Problem]]) -> None:
    """Writes `rejects.jsonl` to a folder.

    Args:
        folder: the folder.
        rejected: the splits and problems of the bad pairs.
    """
    lines = [json.dumps({"split": split, **dataclasses.asdict(problem)}) for split, problem in rejected]
    write_text_whole(epath.Path(folder) / REJECTS_FILE, "\n".join([*lines, ""]))


def _finish_split(listing: Listing, shards: Sequence[Shard]) -> ConvertedSplit:
    """Counts the records of a split's shards, and deletes the files that the workers left for this check."""
    lengths, num_bytes, dropped = [], 0, 0
    rejected = list(listing.problems)
    for shard in shards:
        if not (epath.Path(shard.path).exists() and shard.report_file.exists()):
            raise ConversionError(f"{shard.path} was not written; run the conversion again.")
        report = json.loads(shard.report_file.read_text())
        count = shard.adapter.num_examples(shard.path)
        if count != report["records"]:
            raise ConversionError(
                f"{shard.path} contains {count} records instead of {report['records']}; run the conversion again."
            )
        lengths.append(count)
        num_bytes += report["num_bytes"]
        rejected += [Problem(**problem) for problem in report["rejected"]]
        dropped += len(shard.pairs) - count - len(report["rejected"])
        shard.report_file.unlink()
        shard.progress_file.unlink(missing_ok=True)
    remove_unfinished(file for shard in shards for file in (shard.path, shard.report_file, shard.progress_file))
    return ConvertedSplit(tuple(lengths), num_bytes, tuple(rejected), dropped)
