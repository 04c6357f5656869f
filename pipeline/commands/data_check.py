"""`vocseg data check`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pipeline.commands.terminal import (
    EXIT_FAILED,
    EXIT_USAGE,
    add_trust_option,
    fail,
    local_path,
    not_installed,
    place,
    positive,
    say,
)

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from pipeline.commands.terminal import CommandGroup
    from tfds_voc_seg.label_set import LabelSet

DEFAULT_TOP = 3
LABELS_HELP = "the label set of the masks, if the devkit's own labels.yaml or labelmap.txt is not the right one"


def add_parser(commands: CommandGroup) -> None:
    """Adds `check`."""
    check = commands.add_parser(
        "check",
        help="read every photo and mask of a devkit; list its problems and contents",
        description="Read every photo and mask of the split lists. Prints each problem and how to solve it, then a "
        "summary of classes and photo sizes, and nearly equal photos in different splits. With --model, also the "
        "masks that a model disagrees with most. Exits with 1 if there are problems, with 2 if DIR is not a devkit.",
    )
    check.add_argument("folder", type=local_path, metavar="DIR", help="a VOC devkit: the folder that holds JPEGImages")
    check.add_argument("--labels", metavar="FILE", help=LABELS_HELP)
    check.add_argument(
        "--model",
        type=place,
        metavar="MODEL",
        help="rank the masks by how much this model disagrees with them: a SavedModel, a publishing folder, or the "
        "output folder of a run",
    )
    check.add_argument(
        "--top", type=positive, default=DEFAULT_TOP, metavar="N", help=f"masks per class (default: {DEFAULT_TOP})"
    )
    check.add_argument(
        "--output",
        type=local_path,
        metavar="DIR",
        help="only with --model: write a picture of each of these masks (photo, mask, prediction, difference), and "
        "label_quality.jsonl with all images, to this folder, which must not exist or be empty",
    )
    add_trust_option(check)
    check.set_defaults(command=_check, interrupted="interrupted; the check is not complete")


def _check(options: argparse.Namespace) -> int:
    from pipeline.display.library_output import import_tensorflow_silently
    from tfds_voc_seg.devkit.folders import find_devkit
    from tfds_voc_seg.devkit.problems import DevkitError

    if options.output and not options.model:
        return fail("--output needs --model: it is the folder of the pictures of doubted masks", EXIT_USAGE)
    try:
        if options.output and options.output.exists() and any(options.output.iterdir()):
            return fail(f"{options.output} is not empty: name a folder that does not exist", EXIT_USAGE)
        devkit = find_devkit(options.folder)
    except (DevkitError, OSError) as error:
        return fail(str(error), EXIT_USAGE)
    import_tensorflow_silently()
    from tfds_voc_seg.devkit.label_sets import devkit_labels
    from tfds_voc_seg.label_set_files import read_label_set

    try:
        labels = read_label_set(options.labels) if options.labels else devkit_labels(devkit)
    except (ValueError, OSError) as error:
        return fail(str(error), EXIT_FAILED)
    exit_status = _check_pairs(devkit, labels)
    if options.model:
        return _rank_masks(devkit, labels, options) or exit_status
    return exit_status


def _check_pairs(devkit: Path, labels: LabelSet) -> int:
    from pipeline.display.devkit_report import devkit_report_text
    from tfds_voc_seg.devkit.check import check_devkit

    try:
        with _Bar("pair") as bar:
            report = check_devkit(devkit, on_pair=bar.advance, labels=labels)
    except (ValueError, OSError) as error:  # a list is missing, empty or not text
        return fail(str(error), EXIT_FAILED)
    say(devkit_report_text(report))
    return EXIT_FAILED if report.problems else 0


def _rank_masks(devkit: Path, labels: LabelSet, options: argparse.Namespace) -> int:
    """Prints the masks that the model disagrees with most, and writes their pictures; returns the exit status."""
    try:
        from pipeline.display.label_quality import label_quality_text
        from pipeline.label_quality.pictures import write_pictures
        from pipeline.label_quality.ranking import MaskRanking, rank_and_record
        from pipeline.prediction.segmenter import load_segmenter
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "data check --model", "check"), EXIT_USAGE)
    try:
        ranking = MaskRanking(load_segmenter(options.model, trust=options.trust_model), devkit, labels)
        with _Bar("mask") as bar:
            ranked = rank_and_record(ranking, options.top, options.output, bar.advance)
        written = write_pictures(ranking, ranked, options.output) if options.output else 0
    except (ValueError, OSError) as error:  # no model, other classes, or a file cannot be written
        return fail(str(error), EXIT_FAILED)
    say(f"\n{label_quality_text(ranked)}")
    if options.output:
        say(f"\n{options.output} holds {written} pictures and label_quality.jsonl")
    return 0


class _Bar:
    """A progress bar on the terminal."""

    def __init__(self, unit: str):
        from tqdm import tqdm

        self._bar = tqdm(unit=unit, leave=False, disable=not sys.stderr.isatty())

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def advance(self, _done: int, total: int) -> None:
        """Moves the bar by one."""
        self._bar.total = total
        self._bar.update()
