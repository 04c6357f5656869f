"""Checks every photo and mask of a devkit, and counts what the devkit contains."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tfds_voc_seg.devkit.folders import PairError
from tfds_voc_seg.devkit.label_sets import devkit_labels
from tfds_voc_seg.devkit.near_duplicates import NearDuplicate, hashing_available, near_duplicates, photo_hash
from tfds_voc_seg.devkit.pairs import read_pair
from tfds_voc_seg.devkit.splits import TEST_SPLIT, images_without_masks, read_splits
from tfds_voc_seg.devkit.suspicions import suspicions
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.pixel_tables import value_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tfds_voc_seg.devkit.problems import Problem
    from tfds_voc_seg.label_set import LabelSet


@dataclasses.dataclass(frozen=True)
class PhotoSize:
    """Size of a photo in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}×{self.height}"


@dataclasses.dataclass(frozen=True)
class ClassCount:
    """How often a class occurs in a split.

    Attributes:
        name: the class's name in the label set.
        images: number of images that contain the class.
        pixel_share: fraction of the non-void pixels that belong to the class, 0 to 1.
    """

    name: str
    images: int
    pixel_share: float


@dataclasses.dataclass(frozen=True)
class SplitSummary:
    """Statistics of the valid pairs of a split.

    Attributes:
        images: number of valid pairs.
        classes: counts of all classes of the label set, in its order.
        void_share: fraction of all pixels that are void, 0 to 1.
        smallest: size of the photo with the fewest pixels; `None` if there is no image.
        median: size of the photo with the median number of pixels; `None` if there is no image.
        largest: size of the photo with the most pixels; `None` if there is no image.
    """

    images: int
    classes: tuple[ClassCount, ...]
    void_share: float
    smallest: PhotoSize | None
    median: PhotoSize | None
    largest: PhotoSize | None


@dataclasses.dataclass(frozen=True)
class SplitReport:
    """The result of checking one split.

    Attributes:
        split: name of the split.
        summary: statistics of its valid pairs.
        problems: problems of the other images, which the summary does not count.
        suspicions: what looks wrong in the masks as a whole, see `devkit.suspicions`.
    """

    split: str
    summary: SplitSummary
    problems: tuple[Problem, ...]
    suspicions: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class DevkitReport:
    """The result of checking a devkit.

    Attributes:
        devkit: the folder that was checked.
        splits: one report per split, in the requested order.
        near_duplicates: the photos that are nearly the same in different splits; `None` if imagehash, which compares
            them, is not installed. They are no problems: the conversion accepts them.
        notes: what a user may not expect although it is no problem.
    """

    devkit: str
    splits: tuple[SplitReport, ...]
    near_duplicates: tuple[NearDuplicate, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems of all splits."""
        return tuple(problem for split in self.splits for problem in split.problems)


def check_devkit(
    devkit: str | Path,
    splits: Iterable[str] | None = None,
    on_pair: Callable[[int, int], None] | None = None,
    labels: LabelSet | None = None,
) -> DevkitReport:
    """Reads and checks every photo and mask of the splits.

    Args:
        devkit: the folder that contains `JPEGImages`.
        splits: names of the split lists, without `.txt`; by default those of `splits.split_names`.
        on_pair: called after each pair with the number of checked pairs and the total number.
        labels: the label set of the masks; by default the one that the devkit describes.

    Returns:
        Per split, all problems (those of its list first) and a summary of the valid pairs.

    Raises:
        DevkitError: a list is missing or empty, or the description of the label set is invalid.
    """
    labels = labels or devkit_labels(devkit)
    listings = read_splits(devkit, splits)
    total, done = sum(len(listing.pairs) for listing in listings.values()), 0
    reports: list[SplitReport] = []
    hashes: dict[str, dict[str, NDArray[np.uint64]]] = {split: {} for split in listings}
    compare_photos = hashing_available()
    for split, listing in listings.items():
        problems, sizes, counts = list(listing.problems), [], []
        for pair in listing.pairs:
            try:
                photo, mask = read_pair(pair, labels)
            except PairError as error:
                problems += error.problems
            else:
                sizes.append(PhotoSize(width=mask.shape[1], height=mask.shape[0]))
                counts.append(value_counts(mask))
                if compare_photos:
                    hashes[split][pair.image_id] = photo_hash(photo)
            done += 1
            if on_pair:
                on_pair(done, total)
        summary = summarize(sizes, counts, labels.names)
        absent = [count.name for count in summary.classes if not count.images] if sizes else []
        suspected = suspicions(summary.void_share, absent, labels)
        reports.append(SplitReport(split, summary, tuple(problems), suspected))
    notes = _notes(devkit) if splits is None else ()
    return DevkitReport(str(devkit), tuple(reports), near_duplicates(hashes) if compare_photos else None, notes)


def _notes(devkit: str | Path) -> tuple[str, ...]:
    count = images_without_masks(devkit)
    if not count:
        return ()
    return (
        f"none of the {count} images of {TEST_SPLIT}.txt has a mask: there is no test split, and models are compared "
        f"and published by their results on val; add the masks to compare them on {TEST_SPLIT}",
    )


def summarize(
    sizes: Sequence[PhotoSize], counts: Sequence[NDArray[np.int64]], class_names: Sequence[str]
) -> SplitSummary:
    """Summarizes a split.

    Args:
        sizes: one size per image.
        counts: one int64 [256] array per image: its number of pixels of each value of the class map.
        class_names: the names of the label set.

    Returns:
        The summary; all fractions are 0 if there are no pixels.
    """
    values = np.array(counts, np.int64).reshape(-1, 256)  # [0, 256] if there is no image
    pixels, images = values.sum(axis=0), (values > 0).sum(axis=0)
    valid = int(pixels.sum() - pixels[VOID])
    by_area: list[PhotoSize | None] = [*sorted(sizes, key=lambda size: size.width * size.height)] or [None]
    return SplitSummary(
        images=len(sizes),
        classes=tuple(
            ClassCount(name, int(images[class_id]), _share(int(pixels[class_id]), valid))
            for class_id, name in enumerate(class_names)
        ),
        void_share=_share(int(pixels[VOID]), int(pixels.sum())),
        smallest=by_area[0],
        median=by_area[(len(by_area) - 1) // 2],
        largest=by_area[-1],
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
