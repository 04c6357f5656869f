"""The files of a data set's records."""

from __future__ import annotations

import dataclasses

from tfds_voc_seg.devkit.splits import SPLITS

REJECTS_FILE = "rejects.jsonl"
"""Beside the records: the images that were skipped because something is wrong with them, one line per problem."""

TRAIN_SPLIT, VAL_SPLIT = SPLITS


@dataclasses.dataclass(frozen=True)
class Records:
    """The records of an Examples artifact.

    Attributes:
        files: split → the paths of its shards, in order.
        class_names: the names of the mask's channels, background first.
        image_size: height and width of image and mask, pixels.
        background_classes: whether they tell what the background consists of.
    """

    files: dict[str, list[str]]
    class_names: tuple[str, ...]
    image_size: int
    background_classes: bool = False
