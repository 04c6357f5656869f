"""The split lists of a devkit and the pairs that they name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from tfds_voc_seg.devkit.folders import MASKS_FOLDER, SBD_MASKS_FOLDER, Pair, pair_of, split_list_file
from tfds_voc_seg.devkit.problems import DevkitError, Problem
from tfds_voc_seg.storage import storage_path

TrainMasks = Literal["voc", "sbd", "sbd_if_present"]
"""Whose masks the split train has, see `read_training_splits`."""

SPLITS = ("train", "val")
"""The official segmentation splits, by the names of their list files."""


_SBD_LISTS = ("train_aug", "trainaug")


@dataclasses.dataclass(frozen=True)
class Listing:
    """A split's pairs whose files are there, in the list's order, and the problems of the rest."""

    pairs: tuple[Pair, ...]
    problems: tuple[Problem, ...]


def read_splits(devkit: str | Path, splits: Iterable[str] = SPLITS) -> dict[str, Listing]:
    """Reads the splits' lists and pairs each image id with its two files.

    An image that is in several splits is a problem of all but the last, so that validation images never train.

    Args:
        devkit: the folder that holds `JPEGImages`.
        splits: names of lists without `.txt`.

    Returns:
        Split → its pairs and problems.

    Raises:
        DevkitError: a list is missing or empty.
    """
    listings: dict[str, Listing] = {}
    taken: dict[str, str] = {}
    for split in reversed(list(splits)):
        listing = _read_split(storage_path(devkit), split, MASKS_FOLDER)
        doubles = [pair for pair in listing.pairs if pair.image_id in taken]
        problems = [
            Problem(
                pair.image_id,
                str(split_list_file(devkit, split)),
                f"lists an image that {taken[pair.image_id]}.txt lists too",
                "take it off one of the two",
            )
            for pair in doubles
        ]
        kept = tuple(pair for pair in listing.pairs if pair.image_id not in taken)
        listings[split] = Listing(kept, (*listing.problems, *problems))
        taken |= {pair.image_id: split for pair in listing.pairs}
    return {split: listings[split] for split in splits}


def read_train_aug(devkit: str | Path) -> Listing | None:
    """Reads VOC's train split enlarged by the Semantic Boundaries Dataset, where the devkit holds it.

    Source: Hariharan et al., "Semantic Contours from Inverse Detectors", ICCV 2011. Its masks lie in
    `SegmentationClassAug`, its list is `train_aug.txt` or `trainaug.txt`. An image of the val split is left out,
    whatever the list says.

    Returns:
        The pairs and problems, or `None` where the devkit has no such masks or list.

    Raises:
        DevkitError: the list is empty.
    """
    name = sbd_list_name(devkit)
    if name is None:
        return None
    listing = _read_split(storage_path(devkit), name, SBD_MASKS_FOLDER)
    validation = set(read_image_ids(devkit, "val"))
    return Listing(tuple(pair for pair in listing.pairs if pair.image_id not in validation), listing.problems)


def read_training_splits(devkit: str | Path, train_masks: TrainMasks) -> dict[str, Listing]:
    """Reads the splits for a training: `train` and `val`, as `read_splits`, where SBD's masks may enlarge `train`.

    Args:
        devkit: the folder that holds `JPEGImages`.
        train_masks: `voc` takes VOC's own train split, `sbd` that of `read_train_aug`, `sbd_if_present` the latter
            where the devkit holds it.

    Raises:
        DevkitError: a list is missing or empty, or SBD's masks are asked for and not there.
    """
    listings = read_splits(devkit)
    enlarged = None if train_masks == "voc" else read_train_aug(devkit)
    if enlarged is None and train_masks == "sbd":
        raise DevkitError(
            f"{devkit} holds no masks of the Semantic Boundaries Dataset: put them into {SBD_MASKS_FOLDER}, and "
            f"their list into ImageSets/Segmentation/{_SBD_LISTS[0]}.txt, or set data.train_masks to voc"
        )
    return {**listings, "train": enlarged or listings["train"]}


def sbd_list_name(devkit: str | Path) -> str | None:
    """The name of SBD's list; `None` where the devkit has none, or no masks of SBD."""
    lists = [name for name in _SBD_LISTS if split_list_file(devkit, name).is_file()]
    return lists[0] if lists and (storage_path(devkit) / SBD_MASKS_FOLDER).is_dir() else None


def read_image_ids(devkit: str | Path, split: str) -> list[str]:
    """Reads the image ids of a split's list, in its order.

    Raises:
        DevkitError: the list is missing, empty or not a text file.
    """
    list_file = split_list_file(devkit, split)
    if not list_file.is_file():
        raise DevkitError(f"{list_file} is missing: it lists the image ids of split {split!r}, one a line.")
    try:
        image_ids = list_file.read_text(encoding="utf-8").split()
    except UnicodeDecodeError as error:
        raise DevkitError(f"{list_file} is not a text file; write the image ids into it, one a line.") from error
    if not image_ids:
        raise DevkitError(f"{list_file} is empty: write the image ids of split {split!r} into it, one a line.")
    return image_ids


def _read_split(devkit: Path, split: str, masks: str) -> Listing:
    list_file = str(split_list_file(devkit, split))
    pairs: list[Pair] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for image_id in read_image_ids(devkit, split):
        if image_id in seen:
            problems.append(Problem(image_id, list_file, "lists it twice", "remove one of the lines"))
            continue
        seen.add(image_id)
        if Path(image_id).name != image_id:
            problems.append(
                Problem(
                    image_id, list_file, "lists a path, not an image id", "write the file's name alone, without .jpg"
                )
            )
            continue
        pair = pair_of(devkit, image_id, masks)
        missing = [
            Problem(image_id, file, what, f"restore it or take the id off {list_file}")
            for file in (pair.photo, pair.mask)
            if (what := _file_problem(storage_path(file)))
        ]
        if missing:
            problems += missing
        else:
            pairs.append(pair)
    return Listing(tuple(pairs), tuple(problems))


def _file_problem(file: Path) -> str | None:
    if not file.is_file():
        return "is missing"
    size = getattr(file.stat(), "length" if "://" in str(file) else "st_size")  # epath names it otherwise
    return None if size else "is an empty file"
