"""`vocseg data sample` and `show`; the group of the commands for data."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from pipeline.commands import data_check, data_import
from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE, fail, local_path, place, positive, say, warn

if TYPE_CHECKING:
    from pipeline.commands.terminal import CommandGroup
    from tfds_voc_seg.image_size import ImageSize

RESIZES = ("stretch", "pad", "crop")
"""The values of `tfds_voc_seg.geometry.Resize`, whose import would load TFDS for every command."""


def add_parser(commands: CommandGroup) -> None:
    """Adds `data` and its commands."""
    group = commands.add_parser("data", help="import, check and view data")
    data_commands = group.add_subparsers(required=True, metavar="COMMAND")
    data_import.add_parser(data_commands)
    _add_sample(data_commands)
    data_check.add_parser(data_commands)
    _add_show(data_commands)


def _add_sample(commands: CommandGroup) -> None:
    sample = commands.add_parser(
        "sample",
        help="write the embedded sample devkit",
        description="Write a small VOC devkit of drawn scenes: JPEGImages and the other folders are created in DIR. "
        "Tools that look for VOCdevkit/VOC2012 find the devkit if DIR ends with that path.",
    )
    sample.add_argument("folder", type=local_path, metavar="DIR", help="a folder that does not exist or is empty")
    for split in ("train", "val"):
        sample.add_argument(f"--{split}", type=positive, metavar="N", help=f"the number of {split} images")
    sample.add_argument("--seed", type=int, default=0, metavar="N", help="equal seeds draw equal scenes (default: 0)")
    sample.set_defaults(command=_sample, interrupted="interrupted; nothing was written")


def _add_show(commands: CommandGroup) -> None:
    show = commands.add_parser(
        "show",
        help="write pictures of examples as a network sees them",
        description="Write one PNG per example: the resized photo, the mask over it in colours, and a legend.",
    )
    show.add_argument(
        "source",
        type=place,
        metavar="DIR|DATASET",
        help="a VOC devkit, or a dataset that TFDS has prepared, such as voc_seg/person_dog_128",
    )
    show.add_argument("--output", type=local_path, required=True, metavar="DIR", help="where the pictures are written")
    show.add_argument("--count", type=positive, default=12, metavar="N", help="the number of examples (default: 12)")
    show.add_argument("--split", choices=("train", "val", "test"), default="train", help="the split (default: train)")
    show.add_argument(
        "--image-size",
        type=_image_size,
        metavar="N|HxW",
        help="only for a devkit: size in pixels, 300 for a square, 200x320 for height and width (default: 300)",
    )
    show.add_argument(
        "--resize",
        choices=RESIZES,
        help="only for a devkit: how photos get that size (default: stretch)",
    )
    show.add_argument(
        "--short-side",
        type=positive,
        metavar="N",
        help="only for a devkit with --resize crop: the photos' short side in pixels (default: that of --image-size)",
    )
    show.add_argument(
        "--classes",
        type=_names,
        metavar="NAME,NAME",
        help="only for a devkit: keep these classes and skip images without them (default: all classes)",
    )
    show.add_argument("--labels", metavar="FILE", help=f"only for a devkit: {data_check.LABELS_HELP}")
    show.add_argument("--force", action="store_true", help="overwrite existing pictures")
    show.set_defaults(command=_show, interrupted="interrupted; pictures written so far are kept")


def _sample(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from tfds_voc_seg.disk_errors import full_disk_problem
    from tfds_voc_seg.sample.devkit import DEFAULT_TRAIN_IMAGES, DEFAULT_VAL_IMAGES, write_sample_devkit

    train, val = options.train or DEFAULT_TRAIN_IMAGES, options.val or DEFAULT_VAL_IMAGES
    bar = tqdm(total=train + val, unit="image", leave=False, disable=not sys.stderr.isatty())

    def advance(_done: int, _total: int) -> None:
        bar.update()

    try:
        with bar:
            write_sample_devkit(
                options.folder,
                train_images=train,
                val_images=val,
                seed=options.seed,
                on_image=advance,
            )
    except (ValueError, OSError) as error:
        return fail(full_disk_problem(error, options.folder) or str(error), EXIT_USAGE)
    say(f"{options.folder} holds {train} train and {val} val images")
    return 0


def _show(options: argparse.Namespace) -> int:
    from pipeline.display.devkit_report import counted
    from pipeline.examples import write_example_pictures

    try:
        written = write_example_pictures(
            options.source,
            options.output,
            warn=warn,
            count=options.count,
            split=options.split,
            image_size=options.image_size,
            resize=options.resize,
            short_side=options.short_side,
            classes=options.classes,
            labels=options.labels,
            force=options.force,
        )
    except ValueError as error:
        return fail(str(error), EXIT_USAGE)
    if not written:
        return fail(f"{options.source} has no {options.split} example to show", EXIT_FAILED)
    say(f"{options.output} holds {counted(written, 'picture')} of {options.source}'s {options.split} split")
    return 0


def _image_size(text: str) -> ImageSize:
    from tfds_voc_seg.image_size import checked_image_size

    try:
        return checked_image_size([int(side) for side in text.lower().split("x")] if "x" in text.lower() else int(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 300 or 200x320") from error


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]
