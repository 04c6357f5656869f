"""`vocseg data sample`, `check` and `show`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pipeline.commands.terminal import EXIT_USAGE, fail, positive


def add_parser(commands: Any) -> None:
    """Adds `data` and its commands."""
    data = commands.add_parser("data", help="look after data sets").add_subparsers(required=True, metavar="COMMAND")
    sample = data.add_parser(
        "sample",
        help="write the embedded sample devkit",
        description="Write a small VOC devkit of drawn scenes into DIR, which then holds JPEGImages and the rest. "
        "Tools that look for VOCdevkit/VOC2012 find it when DIR ends so.",
    )
    sample.add_argument("folder", type=Path, metavar="DIR", help="a folder that is missing or empty")
    for split in ("train", "val"):
        sample.add_argument(f"--{split}", type=positive, metavar="N", help=f"how many {split} images")
    sample.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed draws the same (default: 0)")
    sample.set_defaults(command=_data_sample, interrupted="interrupted; nothing was written")

    check = data.add_parser(
        "check",
        help="read every photo and mask of a devkit; say what is wrong and what is there",
        description="Read every photo and mask of the train and val lists. Prints each problem with what to do, then "
        "a summary of classes and sizes. Exits with 1 if there are problems, with 2 if DIR is not a devkit.",
    )
    check.add_argument("folder", type=Path, metavar="DIR", help="a VOC devkit, the folder that holds JPEGImages")
    check.set_defaults(command=_data_check, interrupted="interrupted; the check is not complete")

    show = data.add_parser(
        "show",
        help="write pictures of examples as a network will see them",
        description="Write a PNG an example: the photo after resizing, the mask over it in VOC's colours, a legend.",
    )
    show.add_argument(
        "source",
        metavar="DIR|DATASET",
        help="a VOC devkit, or a dataset that TFDS has prepared, such as voc_seg/person_dog_128",
    )
    show.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the pictures go")
    show.add_argument("--count", type=positive, default=12, metavar="N", help="how many examples (default: 12)")
    show.add_argument("--split", choices=("train", "val"), default="train", help="of which split (default: train)")
    show.add_argument("--image-size", type=positive, metavar="N", help="a devkit's examples, pixels (default: 300)")
    show.add_argument(
        "--classes",
        type=_names,
        metavar="NAME,NAME",
        help="keep these classes of a devkit and leave out images with none of them (default: all of VOC's)",
    )
    show.add_argument("--force", action="store_true", help="overwrite pictures that are there")
    show.set_defaults(command=_data_show, interrupted="interrupted; pictures that were written stay")


def _data_sample(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from tfds_voc_seg.sample.devkit import DEFAULT_TRAIN_IMAGES, DEFAULT_VAL_IMAGES, write_sample_devkit

    train, val = options.train or DEFAULT_TRAIN_IMAGES, options.val or DEFAULT_VAL_IMAGES

    def advance(done: int, total: int) -> None:
        bar.update()

    bar = tqdm(total=train + val, unit="image", leave=False, disable=not sys.stderr.isatty())
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
        return fail(str(error), EXIT_USAGE)
    print(f"{options.folder} holds {train} train and {val} val images")  # noqa: T201
    return 0


def _data_check(options: argparse.Namespace) -> int:
    from pipeline.commands.data_check import check

    return check(options.folder)


def _data_show(options: argparse.Namespace) -> int:
    from pipeline.commands.data_show import show

    return show(
        options.source,
        options.output,
        count=options.count,
        split=options.split,
        image_size=options.image_size,
        classes=options.classes,
        force=options.force,
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]
