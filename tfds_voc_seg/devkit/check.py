"""Reads every pair of a devkit: what is wrong with it, and what it holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from tfds_voc_seg.devkit.folders import PairError
from tfds_voc_seg.devkit.pairs import read_pair
from tfds_voc_seg.devkit.problems import Problem
from tfds_voc_seg.devkit.splits import SPLITS, read_splits
from tfds_voc_seg.labels import VOC_CLASSES, VOID


@dataclasses.dataclass(frozen=True)
class PhotoSize:
    """Width and height of a photo, pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}×{self.height}"


@dataclasses.dataclass(frozen=True)
class ClassCount:
    """How often a class occurs in a split.

    Attributes:
        name: VOC's name of the class.
        images: the number of images that hold it.
        pixel_share: its share of the pixels that are not void, 0 to 1.
    """

    name: str
    images: int
    pixel_share: float


@dataclasses.dataclass(frozen=True)
class SplitSummary:
    """What the good pairs of a split hold.

    Attributes:
        images: their number.
        classes: all of VOC's classes, in the order of their ids.
        void_share: void's share of all pixels, 0 to 1.
        smallest: size of the photo with the fewest pixels, here and below `None` where there is no image.
        median: size of the photo in the middle, by pixels.
        largest: size of the photo with the most pixels.
    """

    images: int
    classes: tuple[ClassCount, ...]
    void_share: float
    smallest: PhotoSize | None
    median: PhotoSize | None
    largest: PhotoSize | None


@dataclasses.dataclass(frozen=True)
class SplitReport:
    """A split's summary, and the problems of the images that are not in it."""

    split: str
    summary: SplitSummary
    problems: tuple[Problem, ...]


@dataclasses.dataclass(frozen=True)
class DevkitReport:
    """What a check found.

    Attributes:
        devkit: the folder that was checked.
        splits: a report a split, in the order asked for.
    """

    devkit: str
    splits: tuple[SplitReport, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems of all splits."""
        return tuple(problem for split in self.splits for problem in split.problems)


def check_devkit(
    devkit: str | Path, splits: Iterable[str] = SPLITS, on_pair: Callable[[int, int], None] | None = None
) -> DevkitReport:
    """Reads every photo and mask of the splits.

    Args:
        devkit: the folder that holds `JPEGImages`.
        splits: names of lists without `.txt`.
        on_pair: called after each pair with the number done and the number in all.

    Returns:
        All problems, those of the lists first, and a summary of the good pairs.

    Raises:
        DevkitError: a list is missing or empty.
    """
    listings = read_splits(devkit, tuple(splits))
    total, done = sum(len(listing.pairs) for listing in listings.values()), 0
    reports: list[SplitReport] = []
    for split, listing in listings.items():
        problems, sizes, counts = list(listing.problems), [], []
        for pair in listing.pairs:
            try:
                _, mask = read_pair(pair)
            except PairError as error:
                problems += error.problems
            else:
                sizes.append(PhotoSize(width=mask.shape[1], height=mask.shape[0]))
                counts.append(np.bincount(mask.ravel(), minlength=256))
            done += 1
            if on_pair:
                on_pair(done, total)
        reports.append(SplitReport(split, summarize(sizes, counts), tuple(problems)))
    return DevkitReport(str(devkit), tuple(reports))


def summarize(sizes: Sequence[PhotoSize], counts: Sequence[np.ndarray]) -> SplitSummary:
    """Summarizes a split.

    Args:
        sizes: a size an image.
        counts: int64 [256] an image: its pixels of each mask value.

    Returns:
        The summary; all shares are 0 where there is nothing to share.
    """
    values = np.array(counts, np.int64).reshape(-1, 256)  # the shape holds for no image, too
    pixels, images = values.sum(axis=0), (values > 0).sum(axis=0)
    valid = int(pixels.sum() - pixels[VOID])
    by_area: list[PhotoSize | None] = [*sorted(sizes, key=lambda size: size.width * size.height)] or [None]
    return SplitSummary(
        images=len(sizes),
        classes=tuple(
            ClassCount(name, int(images[class_id]), _share(int(pixels[class_id]), valid))
            for class_id, name in enumerate(VOC_CLASSES)
        ),
        void_share=_share(int(pixels[VOID]), int(pixels.sum())),
        smallest=by_area[0],
        median=by_area[(len(by_area) - 1) // 2],
        largest=by_area[-1],
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
