"""Gives each image an id for the devkit, and finds images that a source contains twice."""

from __future__ import annotations

import filecmp
import re
import unicodedata
from typing import TYPE_CHECKING

from tfds_voc_seg.importers.source import SPLITS, ImageDropped
from tfds_voc_seg.storage import short_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tfds_voc_seg.importers.report import ImportReport
    from tfds_voc_seg.importers.source import SourceImage


def identify_images(images: Iterable[SourceImage], report: ImportReport) -> dict[str, SourceImage]:
    """Returns the images by their ids in the devkit, without images that the source contains twice.

    The id is the name with `_` for folders, spaces and other signs that lists and file names do not allow everywhere.
    Images with equal ids get a number. The same photo under the same name in two splits stays in the last of them
    (test, val, train), so that no image for validation is used for training.
    """
    identified: dict[str, SourceImage] = {}
    ids: dict[str, str] = {}  # in lower case, for file systems that ignore case
    for image in _without_duplicates(tuple(images), report):
        wanted = image_id = id_of(image.name)
        number = 2
        while image_id.lower() in ids:
            image_id = f"{wanted}-{number}"
            number += 1
        if image_id != wanted:
            report.note("id was taken, a number was added", image.name, image_id)
        ids[image_id.lower()] = image.name
        identified[image_id] = image
        if image_id != image.name:
            report.image_ids[image_id] = image.name
    return identified


def id_of(name: str) -> str:
    """Returns an id for a name: letters, digits, `_`, `.` and `-`, not longer than a file's name may be."""
    image_id = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", name))
    if image_id[:1] in (".", "-"):
        image_id = f"_{image_id}"
    return short_name(image_id)


def _without_duplicates(images: tuple[SourceImage, ...], report: ImportReport) -> list[SourceImage]:
    """Returns the images in their order; of those with the same name and photo, only the one of the last split."""
    kept: dict[int, SourceImage] = {}
    by_name: dict[str, list[int]] = {}
    for position, image in enumerate(images):
        twins = [other for other in by_name.get(image.name, ()) if _same_photo(kept[other], image)]
        if not twins:
            kept[position] = image
            by_name.setdefault(image.name, []).append(position)
            continue
        first = kept[twins[0]]
        reason = "duplicate id" if first.split == image.split else "image in two splits"
        dropped = image
        if _rank(image) > _rank(first):
            dropped, kept[twins[0]] = first, image
        report.drop_image(reason, image.name, f"dropped from {dropped.split or 'the list'}, {image.photo}")
    return list(kept.values())


def _rank(image: SourceImage) -> int:
    return SPLITS.index(image.split) if image.split else -1


def _same_photo(first: SourceImage, second: SourceImage) -> bool:
    try:
        if first.embedded or second.embedded:
            return _content(first) == _content(second)
        return first.photo == second.photo or filecmp.cmp(first.photo, second.photo, shallow=False)
    except (OSError, ImageDropped):
        return False  # a photo is missing: the writer reports it


def _content(image: SourceImage) -> bytes:
    return image.embedded() if image.embedded else image.photo.read_bytes()
