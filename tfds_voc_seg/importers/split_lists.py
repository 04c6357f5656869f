"""Applies the split lists of a source: text files with one image per line."""

from __future__ import annotations

import dataclasses
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tfds_voc_seg.importers.source import SPLIT_NAMES, SPLITS, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tfds_voc_seg.importers.report import ImportReport
    from tfds_voc_seg.importers.source import SourceImage, Split

_LIST_FOLDERS = ("", "splits", "ImageSets/Segmentation")
_LARGEST_LIST = 100_000_000  # bytes


def apply_split_lists(source: Path, images: Sequence[SourceImage], report: ImportReport) -> list[SourceImage]:
    """Returns the images with the splits of the source's lists, or of its folders.

    Lists are read only if no folder gives a split. An image of several lists belongs to the last of them (test, val,
    train).

    Raises:
        SourceError: a list is not a text file.
    """
    if not any(image.split for image in images):
        lists = split_lists(source)
        by_name = _by_names(images)
        splits: dict[str, Split] = {}
        for split in SPLITS:
            for line in _lines(lists.get(split)):
                name = _name_of(line, by_name)
                if name is None:
                    report.drop_image("no photo and mask", line, f"listed in {lists[split].name}")
                    continue
                if splits.get(name, split) != split:
                    report.note("image in two splits", name, f"{splits[name]} and {split}; it stays in {split}")
                splits[name] = split
        images = [dataclasses.replace(image, split=splits.get(image.name)) for image in images]
    return list(images)


def split_lists(source: Path) -> dict[Split, Path]:
    """Returns the list of each split, from the first folder that has any."""
    for folder in _LIST_FOLDERS:
        found: dict[Split, Path] = {}
        for name, split in SPLIT_NAMES.items():
            file = source / folder / f"{name}.txt"
            if file.is_file():
                found.setdefault(split, file)
        if found:
            return found
    return {}


def _lines(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        if file.stat().st_size > _LARGEST_LIST:
            raise SourceError(f"{file} is larger than {_LARGEST_LIST // 10**6} MB, too large for a list of names")
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{file} cannot be read as a list: {error}") from error
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _by_names(images: Iterable[SourceImage]) -> dict[str, str | None]:
    """Returns the image's name by each name that a list may use; `None` if several images have it."""
    names: dict[str, str | None] = {}
    for image in images:
        for alias in {image.name, image.name.rpartition("/")[2]}:
            names[alias] = None if alias in names else image.name
    return names | {image.name: image.name for image in images}


def _name_of(line: str, by_name: dict[str, str | None]) -> str | None:
    """Returns the image of a line: a name or path, with or without suffix, alone or in the first of several columns."""
    for text in (line, line.split()[0]):
        path = PurePosixPath(text.replace("\\", "/"))
        for name in (str(path), str(path.with_suffix("")) if path.suffix else "", path.name, path.stem):
            found = by_name.get(name)
            if found is not None:
                return found
    return None
