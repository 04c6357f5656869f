"""What a record holds, as data: light to import, so that a configuration is checked before TensorFlow is loaded."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

from tfds_voc_seg.labels import BACKGROUND, VOC_CLASSES

VoidTreatment = Literal["ignore", "background"]
ImageEncoding = Literal["png", "jpeg"]
OnBadPair = Literal["fail", "skip"]


@dataclasses.dataclass(frozen=True)
class RecordConfig:
    """What a record holds.

    Attributes:
        image_size: height and width of image and mask, pixels; `None` leaves photo and mask at their own size.
        classes: VOC's foreground classes to keep, in the order of their channels 1, 2, …; all others become background,
            which is channel 0.
        void: `"ignore"` keeps void pixels as all-zero rows, which no loss and no metric counts; `"background"` makes
            them background.
        drop_empty: leave out images that hold none of the classes.
        mask_compression_level: zlib's, 1 (fastest) to 9 (smallest).
        image_encoding: `"png"` is lossless, so that a network sees the same pixels in training and in service;
            `"jpeg"` makes smaller records.
        boxes: tell each image's objects too, from the devkit's annotations; an image without one is a bad pair.
        background_classes: tell too which of VOC's other classes the background consists of.

    Raises:
        ValueError: an unknown or repeated class, or none.
    """

    image_size: int | None
    classes: tuple[str, ...] = VOC_CLASSES[1:]
    void: VoidTreatment = "ignore"
    image_encoding: ImageEncoding = "png"
    drop_empty: bool = False
    mask_compression_level: int = 7
    boxes: bool = False
    background_classes: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", known_classes(self.classes))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of all channels, background first."""
        return (BACKGROUND, *self.classes)


def known_classes(names: Sequence[str]) -> tuple[str, ...]:
    """Checks that every name is a foreground class of VOC, named once.

    Raises:
        ValueError: an unknown or repeated name, or none at all; the message lists what is allowed.
    """
    allowed = VOC_CLASSES[1:]
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise ValueError(f"unknown class {unknown[0]!r}; allowed are {', '.join(allowed)}")
    if not names or len(set(names)) != len(names):
        raise ValueError("name at least one class, each once")
    return tuple(names)
