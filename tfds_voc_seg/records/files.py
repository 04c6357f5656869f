"""Names the record files of a dataset and the splits that they belong to."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tfds_voc_seg.devkit.splits import SPLITS, TEST_SPLIT
from tfds_voc_seg.geometry import Geometry, RecordSize
from tfds_voc_seg.label_set import LabelSet, label_set_of_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tfds_voc_seg.image_size import ImageSize
    from tfds_voc_seg.record_config import RecordConfig, VoidTreatment

REJECTS_FILE = "rejects.jsonl"
"""A file in the folder of the records that lists the skipped bad pairs, one JSON object per problem and line."""

TRAIN_SPLIT, VAL_SPLIT = SPLITS


def evaluation_split(splits: Iterable[str]) -> str:
    """Returns the split that models are compared and published by: `test` if it is one of the splits, else `val`.

    `val` also selects the epoch of each training, so figures on `val` are slightly better than on unseen photos.
    """
    return TEST_SPLIT if TEST_SPLIT in splits else VAL_SPLIT


@dataclasses.dataclass(frozen=True)
class Records:
    """The records of an Examples artifact.

    Attributes:
        files: split → the paths of its shards, in order.
        class_names: names of the mask's channels; the background first, if there is one.
        image_size: size of the network's image in pixels, see `RecordConfig.image_size`.
        background_classes: whether the records store the original class of each background pixel.
        config: what the records were converted with; `None` for records that do not say.
    """

    files: dict[str, list[str]]
    class_names: tuple[str, ...]
    image_size: ImageSize
    background_classes: bool = False
    config: RecordConfig | None = None

    @property
    def geometry(self) -> Geometry:
        """How a photo becomes an image."""
        if self.config is None:
            return Geometry(self.image_size)
        return Geometry(self.image_size, self.config.resize, self.config.short_side)

    @property
    def record_size(self) -> RecordSize:
        """The size of image and mask in a record, in pixels, or how it follows from the photo's."""
        return self.geometry.record_size

    @property
    def evaluation_split(self) -> str:
        """The split that models are compared and published by: `test` if the records have it, else `val`."""
        return evaluation_split(self.files)

    @property
    def square_side(self) -> int:
        """Height and width in pixels of the images of a detector.

        Raises:
            ValueError: the images are not square, or photos keep their shape.
        """
        if not isinstance(self.image_size, int) or self.geometry.resize != "stretch":
            raise ValueError(
                "a detector takes stretched, square photos: set data.image_size to one number, data.resize to stretch"
            )
        return self.image_size

    @property
    def void(self) -> VoidTreatment:
        """Whether the records ignore void or count it as background."""
        return "ignore" if self.config is None else self.config.void

    @property
    def channels(self) -> LabelSet:
        """The mask's channels: names, ids, colours, and which is the background."""
        return label_set_of_names(self.class_names) if self.config is None else self.config.channels
