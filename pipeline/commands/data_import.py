"""`vocseg data import`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE, fail, local_path, not_installed, say

if TYPE_CHECKING:
    import argparse

    from pipeline.commands.terminal import CommandGroup
    from tfds_voc_seg.label_set import LabelSet

FORMATS = {
    "folders": "photos and masks side by side, or in images/ and masks/; also in train/, val/ and test/",
    "coco": "instances JSON with polygons or RLE; smaller objects lie on top, crowds become void",
    "cvat": "exports Segmentation mask 1.1 and CVAT for images 1.1",
    "labelme": "a JSON file per image",
    "cityscapes": "leftImg8bit and gtFine, the 19 evaluated classes",
    "ade20k": "ADEChallengeData2016 with 150 classes, or the full set, whose classes --classes selects",
}
"""The formats, and what a source holds."""

_OWN_CLASSES = "ade20k"  # --classes selects from them by name


def add_parser(commands: CommandGroup) -> None:
    """Adds `data import`."""
    parser = commands.add_parser(
        "import",
        help="make a devkit of your own photos and masks",
        description="Make a devkit in VOC's layout, with labels.yaml, of a dataset in another format. "
        "Formats: " + "; ".join(f"{name}: {what}" for name, what in FORMATS.items()) + ". "
        "Photos are not encoded again, and SOURCE is not changed. What was taken, what was dropped and why is printed "
        "and written to DEVKIT/import_report.json. Exits with 1 if no image could be taken.",
    )
    parser.add_argument("format", choices=FORMATS, metavar="FORMAT", help=f"one of {', '.join(FORMATS)}")
    parser.add_argument("source", type=local_path, metavar="SOURCE", help="the folder (or file) of the dataset")
    parser.add_argument("devkit", type=local_path, metavar="DEVKIT", help="a folder that does not exist or is empty")
    parser.add_argument("--photos", type=local_path, metavar="DIR", help="the folder of the photos, if not SOURCE")
    parser.add_argument(
        "--copy",
        action="store_true",
        help="copy the photos (default: hard links, which need no space and outlive SOURCE, but a program that "
        "changes a photo in place changes both; a copy where the file system does not allow links)",
    )
    _add_label_options(parser)
    _add_split_options(parser)
    parser.set_defaults(command=_import, interrupted="interrupted; nothing was written")


def _add_label_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("classes", "By default those that the source describes, or else VOC's.")
    labels = group.add_mutually_exclusive_group()
    labels.add_argument(
        "--labels", type=local_path, metavar="FILE", help="labels.yaml or labelmap.txt with the classes"
    )
    labels.add_argument(
        "--classes",
        metavar="NAME,NAME",
        help="the classes in the order of the masks' values 0, 1, …; 255 is void; 'background' is the background. For "
        "coco, cvat, labelme and the full ade20k: the objects to take",
    )
    group.add_argument(
        "--masks",
        choices=("auto", "index", "color", "binary"),
        help="what the masks show: index (palette index or grey value), color, or binary (every value but 0 is the one "
        "class that is not background)",
    )


def _add_split_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "splits",
        "By default those of the source (folders or lists train, val, test). With an option below, or if the source "
        "has no val images, images are divided by share.",
    )
    group.add_argument("--val", type=float, metavar="SHARE", help="share of images for val (default: 0.2)")
    group.add_argument("--test", type=float, metavar="SHARE", help="share of images for test (default: 0)")
    group.add_argument("--seed", type=int, default=0, metavar="N", help="equal seeds divide equally (default: 0)")
    group.add_argument(
        "--group",
        metavar="folder|REGEX",
        help="never divide a group: the images of one folder, or those in whose names the regular expression finds the "
        "same text (its first parenthesis)",
    )


def _import(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from tfds_voc_seg.importers.devkit import NothingTakenError, check_places, source_folders, write_devkit
    from tfds_voc_seg.importers.formats import reader_of
    from tfds_voc_seg.importers.report import ImportReport
    from tfds_voc_seg.importers.source import ReaderOptions, SourceError
    from tfds_voc_seg.importers.splits import SplitOptions
    from tfds_voc_seg.label_set import LabelSetError

    report = ImportReport()
    bar = tqdm(unit="image", leave=False, disable=not sys.stderr.isatty())

    def advance(_done: int, total: int) -> None:
        bar.total = total
        bar.update()

    try:
        check_places(options.source, options.photos, options.devkit)
        splits = SplitOptions(options.val, options.test, options.seed, options.group)
        reader_options = ReaderOptions(
            _labels(options), _class_names(options), options.photos, use_splits=not splits.replaces_source
        )
        source = reader_of(options.format)(options.source, reader_options, report)
        about = {"format": options.format, "source": str(options.source.resolve())}
        with bar:
            write_devkit(
                source,
                options.devkit,
                splits,
                report,
                folders=source_folders(options.source, options.photos),
                about=about,
                copy=options.copy,
                on_image=advance,
            )
    except ModuleNotFoundError as error:
        return fail(not_installed(error, "data import", "import"), EXIT_FAILED)
    except NothingTakenError:
        say(report.text(options.source))
        return fail(f"no image of {options.source} could be taken; nothing was written", EXIT_FAILED)
    except (SourceError, LabelSetError) as error:
        return fail(str(error), EXIT_USAGE)
    say(report.text(options.source))
    say(f"{options.devkit} is a devkit; check it with: vocseg data check {options.devkit}")
    return 0


def _class_names(options: argparse.Namespace) -> tuple[str, ...] | None:
    return tuple(name.strip() for name in options.classes.split(",")) if options.classes else None


def _labels(options: argparse.Namespace) -> LabelSet | None:
    """Returns the label set that the options name; `None` if they name none.

    Raises:
        LabelSetError: it is invalid or cannot be read.
        SourceError: an option does not fit the format.
    """
    import dataclasses

    from tfds_voc_seg.importers.source import SourceError
    from tfds_voc_seg.label_set_files import find_label_set, label_set_from, read_label_set
    from tfds_voc_seg.labels import BACKGROUND

    if options.masks and options.format != "folders":
        raise SourceError(f"--masks is for the format folders; {options.format} says what its masks show")
    if options.classes and options.format == "cityscapes":
        raise SourceError(f"--classes: {options.format} has classes of its own; select from them with data.classes")
    if options.labels:
        labels = read_label_set(options.labels)
    elif options.classes and options.format != _OWN_CLASSES:
        names = list(_class_names(options) or ())
        if options.format != "folders" and BACKGROUND not in names:
            names = [BACKGROUND, *names]  # pixels without an object
        labels = label_set_from({"classes": names, "background": BACKGROUND if BACKGROUND in names else None})
    elif options.masks:
        labels = find_label_set(options.source)
    else:
        return None
    return dataclasses.replace(labels, masks=options.masks) if options.masks else labels
