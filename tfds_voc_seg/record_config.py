"""The settings of the records: what a record holds, and how a conversion writes the records to files.

The TFDS configuration (`VocSegConfig`) and the `data` section of a run's configuration take their fields from the two
classes here. The module imports neither TensorFlow nor Beam, so that a configuration is checked before they load.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal, get_args

from tfds_voc_seg.labels import BACKGROUND, VOC_CLASSES
from tfds_voc_seg.setting_checks import require_one_of, require_whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

VoidTreatment = Literal["ignore", "background"]
ImageEncoding = Literal["png", "jpeg"]
OnBadPair = Literal["fail", "skip"]


@dataclasses.dataclass(frozen=True)
class RecordConfig:
    """What a record holds.

    Attributes:
        image_size: height and width of image and mask in pixels; `None` keeps each photo and mask at its own size.
        classes: VOC's foreground classes to keep, in the order of their channels 1, 2, …; all other classes become
            background, which is channel 0.
        void: `"ignore"` stores void pixels as all-zero rows, which losses and metrics leave out; `"background"` turns
            them into background.
        image_encoding: `"png"` is lossless, so that a network sees the same pixels in training and in serving;
            `"jpeg"` makes smaller records.
        drop_empty: skip images that contain none of the classes.
        mask_compression_level: zlib level, 1 (fastest) to 9 (smallest); it does not change the decoded mask.
        boxes: also store the objects of each image, read from the devkit's annotations; an image without an annotation
            is then a bad pair.
        background_classes: also store which of VOC's other classes each background pixel belongs to.

    Raises:
        ValueError: a class is unknown or repeated, no class is given, or another setting is invalid.
    """

    image_size: int | None = 300
    classes: tuple[str, ...] = VOC_CLASSES[1:]
    void: VoidTreatment = "ignore"
    image_encoding: ImageEncoding = "png"
    drop_empty: bool = False
    mask_compression_level: int = 7
    boxes: bool = False
    background_classes: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", known_classes(self.classes))
        if self.image_size is not None:
            require_whole_number("image_size", self.image_size, 1)
        require_one_of("void", self.void, get_args(VoidTreatment))
        require_one_of("image_encoding", self.image_encoding, get_args(ImageEncoding))
        require_whole_number("mask_compression_level", self.mask_compression_level, 1, 9)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of all channels, background first."""
        return (BACKGROUND, *self.classes)


@dataclasses.dataclass(frozen=True)
class ConversionConfig:
    """How a conversion distributes the pairs over files, and how it treats bad pairs.

    Attributes:
        num_shards: files per split; a split with fewer pairs than that gets one file per pair.
        seed: seed of the shuffling; the order does not depend on the number of workers.
        on_bad_pair: `"fail"` stops with a list of all bad pairs; `"skip"` leaves them out and lists them in
            `rejects.jsonl`.
        max_bad_fraction: with `"skip"`, the conversion still fails if a larger fraction of a split's pairs is bad.

    Raises:
        ValueError: a setting is invalid.
    """

    num_shards: int = 4
    seed: int = 0
    on_bad_pair: OnBadPair = "fail"
    max_bad_fraction: float = 0.1

    def __post_init__(self) -> None:
        require_whole_number("num_shards", self.num_shards, 1)
        require_whole_number("seed", self.seed, 0)
        require_one_of("on_bad_pair", self.on_bad_pair, get_args(OnBadPair))
        if not 0 <= self.max_bad_fraction <= 1:
            raise ValueError(f"max_bad_fraction={self.max_bad_fraction!r} is invalid; allowed are fractions, 0 to 1")


def known_classes(names: Sequence[str]) -> tuple[str, ...]:
    """Returns the names after checking that each is a foreground class of VOC and is given once.

    Raises:
        ValueError: a name is unknown or repeated, or there is no name; the message lists the allowed names.
    """
    allowed = VOC_CLASSES[1:]
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise ValueError(f"unknown class {unknown[0]!r}; allowed are {', '.join(allowed)}")
    if not names or len(set(names)) != len(names):
        raise ValueError("name at least one class, each once")
    return tuple(names)
