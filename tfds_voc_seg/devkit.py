"""A VOCdevkit on disk: its split lists, its pairs of photo and mask, and what is wrong with them."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

SPLITS = ("train", "val")
"""The official segmentation splits, by the names of their list files."""

_FOLDERS = ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation")
_NESTED_DEVKITS = ("", "VOC2012", "VOCdevkit/VOC2012")


class DevkitError(ValueError):
    """A devkit, or a file of it, that can't be used; the message says which file and what to do."""


@dataclasses.dataclass(frozen=True)
class Pair:
    """A photo and its segmentation mask.

    Attributes:
        image_id: the image's name in the split lists, e.g. `2007_000033`.
        photo: path of the JPEG file.
        mask: path of the palette-mode PNG file.
    """

    image_id: str
    photo: str
    mask: str


def find_devkit(folder: str | Path) -> Path:
    """Finds the VOC folder in `folder`: the folder itself, its `VOC2012` or its `VOCdevkit/VOC2012`.

    Raises:
        DevkitError: none of them holds photos, masks and split lists.
    """
    for nested in _NESTED_DEVKITS:
        candidate = Path(folder) / nested
        if all((candidate / name).is_dir() for name in _FOLDERS):
            return candidate.resolve()
    missing = [name for name in _FOLDERS if not (Path(folder) / name).is_dir()]
    raise DevkitError(
        f"{folder} is not a VOC devkit: it has no {', '.join(missing)}. "
        "Name the folder that holds them, usually VOCdevkit/VOC2012."
    )


def read_split(devkit: str | Path, split: str) -> list[Pair]:
    """Reads a split's list and pairs each image id with its two files.

    Args:
        devkit: the folder that holds `JPEGImages`.
        split: the list's name without `.txt`, one of `SPLITS`.

    Returns:
        The pairs in the list's order.

    Raises:
        DevkitError: the list is missing or empty, names an image twice or as a path, or a file is missing. All
            problems of the split are in one message.
    """
    devkit = Path(devkit)
    list_file = devkit / "ImageSets" / "Segmentation" / f"{split}.txt"
    if not list_file.is_file():
        raise DevkitError(f"{list_file} is missing: it lists the image ids of split {split!r}, one a line.")
    image_ids = list_file.read_text().split()
    if not image_ids:
        raise DevkitError(f"{list_file} is empty: write the image ids of split {split!r} into it, one a line.")
    pairs, problems, seen = [], [], set()
    for image_id in image_ids:
        if image_id in seen:
            problems.append(f"{image_id}: listed twice in {list_file}; remove one line")
            continue
        seen.add(image_id)
        if Path(image_id).name != image_id:
            problems.append(f"{image_id}: is a path, not an image id, in {list_file}; write the file's name alone")
            continue
        photo = devkit / "JPEGImages" / f"{image_id}.jpg"
        mask = devkit / "SegmentationClass" / f"{image_id}.png"
        problems += [
            f"{image_id}: {file} {what}; restore it or take the id off {list_file}"
            for file in (photo, mask)
            if (what := _file_problem(file))
        ]
        pairs.append(Pair(image_id, str(photo), str(mask)))
    if problems:
        raise DevkitError(listed_problems(f"{len(problems)} problem(s) in split {split!r} of {devkit}", problems))
    return pairs


def listed_problems(heading: str, problems: list[str], shown: int = 20) -> str:
    """Joins a heading and its problems to one message of at most `shown` lines."""
    lines = [f"  {problem}" for problem in problems[:shown]]
    if len(problems) > shown:
        lines.append(f"  … and {len(problems) - shown} more")
    return "\n".join([f"{heading}:", *lines])


def fingerprint(devkit: str | Path, splits: tuple[str, ...] = SPLITS) -> str:
    """Hashes the lists and the content of every photo and mask, so that a changed file is a changed input.

    Returns:
        A SHA-256 hex digest.

    Raises:
        DevkitError: as `read_split`.
    """
    digest = hashlib.sha256()
    for split in splits:
        for pair in read_split(devkit, split):
            digest.update(f"{split}/{pair.image_id}\0".encode())
            for path in (pair.photo, pair.mask):
                digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return digest.hexdigest()


def _file_problem(file: Path) -> str | None:
    if not file.is_file():
        return "is missing"
    return None if file.stat().st_size else "is an empty file"
