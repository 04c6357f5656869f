"""Names the record files of a dataset and the splits that they belong to."""

from __future__ import annotations

import dataclasses

from tfds_voc_seg.devkit.splits import SPLITS

REJECTS_FILE = "rejects.jsonl"
"""A file in the folder of the records that lists the skipped bad pairs, one JSON object per problem and line."""

TRAIN_SPLIT, VAL_SPLIT = SPLITS


@dataclasses.dataclass(frozen=True)
class Records:
    """The records of an Examples artifact.

    Attributes:
        files: split → the paths of its shards, in order.
        class_names: names of the mask's channels, background first.
        image_size: height and width of image and mask in pixels.
        background_classes: whether the records store the original class of each background pixel.
    """

    files: dict[str, list[str]]
    class_names: tuple[str, ...]
    image_size: int
    background_classes: bool = False
