"""What a reader returns: the images of a source, their classes, and a way to make each mask."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tfds_voc_seg.label_set import LabelSet

Split = Literal["train", "val", "test"]

SPLITS: tuple[Split, ...] = ("train", "val", "test")

SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""How datasets name their splits."""


class SourceError(ValueError):
    """A source that cannot be imported; the message names the file or folder and says what to do."""


class ImageDropped(Exception):  # noqa: N818 (an outcome of one image, not a failure of the import)
    """An image that cannot be taken.

    Attributes:
        reason: a short reason that groups images, such as "no mask".
        detail: what was found in this image.
    """

    def __init__(self, reason: str, detail: str = ""):
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail


@dataclasses.dataclass(frozen=True)
class SourceImage:
    """An image of a source.

    Attributes:
        name: the name in the source, without the suffix; folders are separated by `/`.
        photo: the photo's file, or the file that contains it.
        split: the split that the source gives the image; `None` if it gives none.
        make_mask: called with the photo's height and width in pixels. Returns the class map, uint8 [height, width] of
            positions in the label set and 255 for void; raises `ImageDropped` if there is none.
        embedded: returns the content of a photo that is part of the file `photo`; raises `ImageDropped` if it cannot be
            read. `None` if `photo` is the photo itself.
    """

    name: str
    photo: Path
    split: Split | None
    make_mask: Callable[[tuple[int, int]], NDArray[np.uint8]]
    embedded: Callable[[], bytes] | None = None


@dataclasses.dataclass(frozen=True)
class Source:
    """The content of a source.

    Attributes:
        labels: the classes.
        images: the images, in the order of the split lists.
    """

    labels: LabelSet
    images: tuple[SourceImage, ...]


@dataclasses.dataclass(frozen=True)
class ReaderOptions:
    """What a user tells a reader.

    Attributes:
        labels: the classes to use; by default those of the source.
        classes: for a source that numbers its classes itself, the names of those to take; by default all.
        photos: the folder of the photos, if they are not in the source.
        use_splits: whether the splits of the source are used; if not, its lists are not read.
    """

    labels: LabelSet | None = None
    classes: tuple[str, ...] | None = None
    photos: Path | None = None
    use_splits: bool = True
