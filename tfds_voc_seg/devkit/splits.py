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
    pair_of,
    split_list_file,
)
from tfds_voc_seg.devkit.problems import DevkitError, Problem
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
    masks = {file.name for file in (storage_path(devkit) / MASKS_FOLDER).iterdir()}
    listed = (storage_path(pair_of(devkit, image_id).mask).name for image_id in read_image_ids(devkit, TEST_SPLIT))
    return SPLITS if masks.isdisjoint(listed) else (*SPLITS, TEST_SPLIT)


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
    held_out = {image_id for split in split_names(devkit)[1:] for image_id in read_image_ids(devkit, split)}
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


def sbd_list_name(devkit: str | Path) -> str | None:
    """Returns the name of SBD's list; `None` if the devkit has no such list or no masks of SBD."""
    lists = [name for name in _SBD_LISTS if split_list_file(devkit, name).is_file()]
    return lists[0] if lists and (storage_path(devkit) / SBD_MASKS_FOLDER).is_dir() else None


def read_image_ids(devkit: str | Path, split: str) -> list[str]:
    """Reads the image ids of a split's list, in the list's order.

    Raises:
        DevkitError: the list is missing, empty or not a text file.
    """
    list_file = split_list_file(devkit, split)
    advice = f"it must list the image ids of split {split!r}, one per line"
    if not list_file.is_file():
        raise DevkitError(f"{list_file} is missing: {advice}.")
    try:
        image_ids = list_file.read_text(encoding="utf-8").split()
    except UnicodeDecodeError as error:
        raise DevkitError(f"{list_file} is not a text file: {advice}.") from error
    if not image_ids:
        raise DevkitError(f"{list_file} is empty: {advice}.")
    return image_ids


def _read_split(devkit: Path, split: str, masks: str) -> Listing:
    list_file = split_list_file(devkit, split)
    pairs: list[Pair] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for image_id in read_image_ids(devkit, split):
        if image_id in seen:
            problems.append(Problem(image_id, str(list_file), "lists it twice", "remove one of the two lines"))
            continue
        seen.add(image_id)
        if Path(image_id).name != image_id:
            advice = "write the name of the file without its folder and without .jpg"
            problems.append(Problem(image_id, str(list_file), "lists a path, not an image id", advice))
            continue
        pair = pair_of(devkit, image_id, masks)
        file_problems = [
            Problem(image_id, file, what, f"restore it or remove the id from {list_file}")
            for file in (pair.photo, pair.mask)
            if (what := _file_problem(storage_path(file)))
        ]
        if file_problems:
            problems += file_problems
        else:
            pairs.append(pair)
    return Listing(tuple(pairs), tuple(problems))


def _file_problem(file: Path) -> str | None:
    """Returns what is wrong with a file that must exist and have content; `None` if nothing is."""
    if not file.is_file():
        return "is missing"
    size = getattr(file.stat(), "length" if "://" in str(file) else "st_size")  # epath uses another name
    return None if size else "is an empty file"
