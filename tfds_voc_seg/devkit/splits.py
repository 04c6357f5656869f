"""Reads the split lists of a devkit and the pairs that they list."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tfds_voc_seg.devkit.folders import (
    MASKS_FOLDER,
    SBD_MASKS_FOLDER,
    SPLIT_LISTS_FOLDER,
    Pair,
    split_list_file,
)
from tfds_voc_seg.devkit.image_files import ImageFiles
from tfds_voc_seg.devkit.problems import DevkitError, Problem
from tfds_voc_seg.devkit.split_lists import read_image_ids
from tfds_voc_seg.storage import storage_path

if TYPE_CHECKING:
    from collections.abc import Iterable

TrainMasks = Literal["voc", "sbd", "sbd_if_present"]
"""Where the masks of the training split come from; see `read_training_splits`."""

SPLITS = ("train", "val")
"""The segmentation splits of every devkit: the names of their list files."""
TEST_SPLIT = "test"
"""The split that a devkit may have in addition; see `split_names`."""

_SBD_LISTS = ("train_aug", "trainaug")


@dataclasses.dataclass(frozen=True)
class Listing:
    """The content of a split's list.

    Attributes:
        pairs: the images whose photo and mask exist, in the list's order.
        problems: the problems of the other images.
    """

    pairs: tuple[Pair, ...]
    problems: tuple[Problem, ...]


def split_names(devkit: str | Path) -> tuple[str, ...]:
    """Returns the splits of a devkit: `train`, `val` and, if it has one, `test`.

    The devkit has a test split if at least one image of `test.txt` has a mask. VOC's own `test.txt` lists photos
    without masks, which no model can be measured on: then it is not a split.

    Raises:
        DevkitError: `test.txt` is empty or not a text file.
    """
    if not split_list_file(devkit, TEST_SPLIT).is_file():
        return SPLITS
    files = ImageFiles(devkit)
    listed = read_image_ids(devkit, TEST_SPLIT, files, MASKS_FOLDER)
    return (*SPLITS, TEST_SPLIT) if any(map(files.has_mask, listed)) else SPLITS


def images_without_masks(devkit: str | Path) -> int:
    """Returns the number of images in `test.txt` if none of them has a mask, so that `test` is not a split; else 0.

    Raises:
        DevkitError: `test.txt` is empty or not a text file.
    """
    if not split_list_file(devkit, TEST_SPLIT).is_file() or TEST_SPLIT in split_names(devkit):
        return 0
    return len(set(read_image_ids(devkit, TEST_SPLIT, ImageFiles(devkit), MASKS_FOLDER)))


def read_splits(devkit: str | Path, splits: Iterable[str] | None = None) -> dict[str, Listing]:
    """Reads the lists of the splits and finds the photo and mask of each image id.

    An image that several lists contain stays only in the last of these splits and is a problem of the others, so that
    no validation image is used for training, and no test image for training or validation.

    Args:
        devkit: the folder that contains `JPEGImages`.
        splits: names of the split lists, without `.txt`; by default those of `split_names`.

    Returns:
        Split → its pairs and problems.

    Raises:
        DevkitError: a list is missing or empty.
    """
    listings: dict[str, Listing] = {}
    taken: dict[str, str] = {}
    names = split_names(devkit) if splits is None else tuple(splits)
    for split in reversed(names):
        listing = _read_split(storage_path(devkit), split, MASKS_FOLDER)
        doubles = [pair for pair in listing.pairs if pair.image_id in taken]
        problems = [
            Problem(
                pair.image_id,
                str(split_list_file(devkit, split)),
                f"lists an image that {taken[pair.image_id]}.txt also lists",
                "remove it from one of the two",
            )
            for pair in doubles
        ]
        kept = tuple(pair for pair in listing.pairs if pair.image_id not in taken)
        listings[split] = Listing(kept, (*listing.problems, *problems))
        taken |= {pair.image_id: split for pair in listing.pairs}
    return {split: listings[split] for split in names}


def read_split(devkit: str | Path, split: str) -> Listing:
    """Reads one split of a devkit as `read_splits` does.

    Raises:
        DevkitError: a list is missing or empty, or the devkit has no such split.
    """
    listings = read_splits(devkit)
    if split not in listings:
        list_file = split_list_file(devkit, split)
        raise DevkitError(
            f"{devkit} has no {split} split: {list_file} is missing, or no image that it lists has a mask"
        )
    return listings[split]


def read_train_aug(devkit: str | Path) -> Listing | None:
    """Reads VOC's train split enlarged by the Semantic Boundaries Dataset (SBD), if the devkit contains SBD's masks.

    Source: Hariharan et al., "Semantic Contours from Inverse Detectors", ICCV 2011. Its masks are in
    `SegmentationClassAug`, its list is `train_aug.txt` or `trainaug.txt`. Images of the val and test splits are left
    out even if the list contains them.

    Returns:
        The pairs and problems; `None` if the devkit has no such masks or no such list.

    Raises:
        DevkitError: the list is empty.
    """
    name = sbd_list_name(devkit)
    if name is None:
        return None
    listing = _read_split(storage_path(devkit), name, SBD_MASKS_FOLDER)
    held_out = {
        pair.image_id for split in split_names(devkit)[1:] for pair in listed_files(devkit, split, MASKS_FOLDER)
    }
    return Listing(tuple(pair for pair in listing.pairs if pair.image_id not in held_out), listing.problems)


def read_training_splits(devkit: str | Path, train_masks: TrainMasks) -> dict[str, Listing]:
    """Reads all splits of a devkit as `read_splits` does; SBD's masks can enlarge `train`.

    Args:
        devkit: the folder that contains `JPEGImages`.
        train_masks: `voc` uses VOC's own train split, `sbd` that of `read_train_aug`, and `sbd_if_present` that of
            `read_train_aug` if the devkit contains it, else VOC's own.

    Raises:
        DevkitError: a list is missing or empty, or `train_masks` is `sbd` and SBD's masks or list are missing.
    """
    listings = read_splits(devkit)
    enlarged = None if train_masks == "voc" else read_train_aug(devkit)
    if enlarged is None and train_masks == "sbd":
        raise DevkitError(
            f"{devkit} contains no masks of the Semantic Boundaries Dataset: put them into {SBD_MASKS_FOLDER} and "
            f"their list into {SPLIT_LISTS_FOLDER}/{_SBD_LISTS[0]}.txt, or set data.train_masks to voc"
        )
    return {**listings, "train": enlarged or listings["train"]}


def describe_train_split(devkit: str | Path, train_masks: TrainMasks) -> str:
    """Says in a sentence which list and which masks the train split is read from, for `train_masks` as above."""
    name = None if train_masks == "voc" else sbd_list_name(devkit)
    if name is None:
        return f"the train split is train.txt with {MASKS_FOLDER}"
    return (
        f"the train split is {name}.txt with {SBD_MASKS_FOLDER}, masks of the Semantic Boundaries Dataset; "
        "data.train_masks=voc selects train.txt"
    )


def sbd_list_name(devkit: str | Path) -> str | None:
    """Returns the name of SBD's list; `None` if the devkit has no such list or no masks of SBD."""
    lists = [name for name in _SBD_LISTS if split_list_file(devkit, name).is_file()]
    return lists[0] if lists and (storage_path(devkit) / SBD_MASKS_FOLDER).is_dir() else None


def listed_files(devkit: str | Path, list_name: str, masks: str) -> list[Pair]:
    """Returns the photo and mask of each line of a list, without checking that the files exist.

    Raises:
        DevkitError: the list is missing, empty or has a line that cannot be read, or a folder cannot be read.
    """
    files = ImageFiles(devkit, masks)
    return [files.pair(image_id) for image_id in read_image_ids(devkit, list_name, files, masks)]


def _read_split(devkit: Path, split: str, masks: str) -> Listing:
    list_file = str(split_list_file(devkit, split))
    files = ImageFiles(devkit, masks)
    pairs: list[Pair] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for image_id in read_image_ids(devkit, split, files, masks):
        if image_id in seen:
            problems.append(Problem(image_id, list_file, "lists it twice", "remove one of the two lines"))
            continue
        seen.add(image_id)
        if Path(image_id).name != image_id:
            advice = "write the name of the file without its folder and without .jpg"
            problems.append(Problem(image_id, list_file, "lists a path, not an image id", advice))
        elif file_problems := files.problems(image_id, list_file):
            problems += file_problems
        else:
            pairs.append(files.pair(image_id))
    return Listing(tuple(pairs), tuple(problems))
