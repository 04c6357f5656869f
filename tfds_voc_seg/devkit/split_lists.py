"""Reads the image ids of a split's list, in the forms in which such lists are found."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tfds_voc_seg.devkit.folders import PHOTOS_FOLDER, split_list_file
from tfds_voc_seg.devkit.image_files import MASK_SUFFIXES, PHOTO_SUFFIXES
from tfds_voc_seg.devkit.problems import DevkitError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tfds_voc_seg.devkit.image_files import ImageFiles

_COMMENT = re.compile(r"(^|\s)#.*")
_CLASS_COLUMN = re.compile(r"\S.*\s(-1|0|1)")
_TWO_PATHS = re.compile(r"(?P<photo>\S.*?\.\w+)\s+(?P<mask>\S.*\.\w+)")


def read_image_ids(devkit: str | Path, split: str, files: ImageFiles, masks: str) -> list[str]:
    """Reads the image ids of a split's list, in the list's order.

    A line is an id, which may contain spaces; the name of its photo; the path of its photo in `JPEGImages`; or the
    paths of its photo and its mask. Several ids on a line are read if each has a photo. A byte order mark, empty
    lines and comments after `#` are skipped.

    Args:
        devkit: the folder that contains `JPEGImages`.
        split: name of the list, without `.txt`.
        files: the devkit's files, which decide where a line can be read in two ways.
        masks: the name of the folder of the list's masks.

    Raises:
        DevkitError: the list is missing, empty or not a text file, or a line has another form; the message names it.
    """
    list_file = split_list_file(devkit, split)
    advice = f"it must list the image ids of split {split!r}, one per line"
    try:
        if not list_file.is_file():
            raise DevkitError(f"{list_file} is missing: {advice}.")
        lines = list_file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DevkitError(f"{list_file} is not a text file in UTF-8: {advice}.") from error
    except OSError as error:
        raise DevkitError(f"{list_file} cannot be read ({error.strerror or error}): {advice}.") from error
    image_ids: list[str] = []
    for number, line in enumerate(lines, start=1):
        try:
            image_ids += _ids_of_line(line.strip(), files, masks)
        except ValueError as error:
            raise DevkitError(f"{list_file}, line {number}: {line.strip()!r} {error}") from error
    if not image_ids:
        raise DevkitError(f"{list_file} is empty: {advice}.")
    return image_ids


def _ids_of_line(line: str, files: ImageFiles, masks: str) -> Iterator[str]:
    """Yields the ids of a line.

    Raises:
        ValueError: the line has a form that is not read; the message says which one, without the line.
    """
    if files.has_photo(line):  # first: a name may end with " 1", contain " #", or have a suffix before its suffix
        yield line
        return
    line = _COMMENT.sub("", line).strip()
    words = line.split()
    if not words:
        return
    if len(words) > 1 and all(map(files.has_photo, words)):
        yield from words
    elif len(words) > 1 and (paths := _TWO_PATHS.fullmatch(line)):
        yield _id_of_two_paths(paths["photo"], paths["mask"], masks)
    elif not files.has_photo(_id_of_name(line)) and _CLASS_COLUMN.fullmatch(line):
        raise ValueError(
            "has a column of 1, 0 or -1, as VOC's lists of one class do; a split's list has one id per line: keep the "
            "first column of the images that belong to the split"
        )
    else:
        yield _id_of_name(line)


def _id_of_two_paths(photo: str, mask: str, masks: str) -> str:
    photo_path, mask_path = PurePosixPath(photo), PurePosixPath(mask)
    if (photo_path.parent.name, mask_path.parent.name, mask_path.stem) != (PHOTOS_FOLDER, masks, photo_path.stem):
        raise ValueError(
            f"holds two paths or names; a line may hold the id alone, or the photo in {PHOTOS_FOLDER} and the mask of "
            f"the same name in {masks}"
        )
    return photo_path.stem


def _id_of_name(name: str) -> str:
    """Returns the id of the name of a photo or mask, or of a photo's path in the devkit; another path unchanged."""
    path = PurePosixPath(name)
    inner = path.name if path.parent.name == PHOTOS_FOLDER else name
    suffix = PurePosixPath(inner).suffix
    return inner.removesuffix(suffix) if suffix.lower() in (*PHOTO_SUFFIXES, *MASK_SUFFIXES) else inner
