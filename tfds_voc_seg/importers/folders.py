"""Reads photos and masks in folders.

Layouts, each also inside `train/`, `val/` and `test/`, or with these inside the folders of photos and masks:

- `images/` and `masks/` (`placed_files.py` has other names) with equal names below;
- photos and masks side by side: the mask is a PNG with the photo's name, or its name has a mark such as `_mask`.

The lists `train.txt`, `val.txt` and `test.txt` (in the source, its `splits/` or its `ImageSets/Segmentation/`) divide
the images if the folders do not.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tfds_voc_seg.importers.files import files_of
from tfds_voc_seg.importers.mask_images import class_map_reader
from tfds_voc_seg.importers.photo_files import PHOTO_SUFFIXES
from tfds_voc_seg.importers.placed_files import PlacedFile, placed_file
from tfds_voc_seg.importers.source import ReaderOptions, Source, SourceError, SourceImage, Split
from tfds_voc_seg.importers.split_lists import apply_split_lists
from tfds_voc_seg.label_set_files import find_label_set

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tfds_voc_seg.importers.report import ImportReport
    from tfds_voc_seg.label_set import LabelSet

MASK_MARKS = ("_mask", "-mask", ".mask", "_labels", "_label", "_gt", "_seg")
"""Ends of a mask's name after the name of its photo."""

_OTHER_FOLDERS = ("segmentationobject", "segmentationclassaug")  # of VOC: masks of objects, masks of SBD
_Key = tuple[Split | None, str]


def read_folders(source: Path, options: ReaderOptions, report: ImportReport) -> Source:
    """Lists the pairs of photos and masks; photos without a mask and masks without a photo are reported.

    The label set is that of the options, or else `labels.yaml` or `labelmap.txt` in the source, or else VOC's.

    Raises:
        SourceError: the source is not a folder.
        LabelSetError: the label set of the source is invalid.
    """
    if not source.is_dir():
        raise SourceError(f"{source} is not a folder")
    labels = options.labels or find_label_set(source)
    files = _image_files(source, report)
    if options.photos:
        files = [dataclasses.replace(file, role="mask") for file in files]
        files += [dataclasses.replace(file, role="photo") for file in _image_files(options.photos, report)]
    photos, masks = _photos_and_masks(files, report)
    images = _paired(photos, masks, source, labels, report)
    if options.use_splits:
        images = apply_split_lists(source, images, report)
    return Source(labels, tuple(images))


def _image_files(folder: Path, report: ImportReport) -> list[PlacedFile]:
    files = []
    for path in files_of(folder):
        if path.relative_to(folder).parts[0].lower() in _OTHER_FOLDERS:
            report.note("other file", str(path.relative_to(folder)))
        elif path.suffix.lower() in PHOTO_SUFFIXES:
            files.append(placed_file(path, folder))
        elif path.suffix.lower() not in (".txt", ".yaml"):
            report.note("other file", str(path.relative_to(folder)))
    return files


def _photos_and_masks(
    files: Sequence[PlacedFile], report: ImportReport
) -> tuple[dict[_Key, PlacedFile], dict[_Key, PlacedFile]]:
    """Divides files into photos and masks, by split and name."""
    if any(file.role for file in files):
        for file in files:
            if file.role is None:
                report.drop_image("outside the folders of photos and masks", str(file.path))
        files = [file for file in files if file.role]
    else:
        files = _side_by_side(files)
    photos: dict[_Key, PlacedFile] = {}
    masks: dict[_Key, PlacedFile] = {}
    for file in files:
        found = photos if file.role == "photo" else masks
        other = found.setdefault((file.split, file.name), file)
        if other is not file:
            report.drop_image("duplicate id", file.name, f"{file.path} beside {other.path}")
    return photos, masks


def _side_by_side(files: Sequence[PlacedFile]) -> list[PlacedFile]:
    """Returns the files with their roles: marked names are masks, and so are PNGs beside photos of other formats."""
    names = {(file.path.parent, file.path.stem) for file in files}
    not_png = {(file.path.parent, file.path.stem) for file in files if file.path.suffix.lower() != ".png"}
    placed = []
    for file in files:
        photo = _without_mark(file.path.stem)
        is_marked = photo is not None and (file.path.parent, photo) in names
        is_png_beside = file.path.suffix.lower() == ".png" and (file.path.parent, file.path.stem) in not_png
        placed.append(dataclasses.replace(file, role="mask" if is_marked or is_png_beside else "photo"))
    return placed


def _without_mark(name: str) -> str | None:
    """Returns the name of the photo that a marked name belongs to; `None` if the name has no mark."""
    return next((name[: -len(mark)] for mark in MASK_MARKS if name.lower().endswith(mark)), None)


def _paired(
    photos: dict[_Key, PlacedFile],
    masks: dict[_Key, PlacedFile],
    source: Path,
    labels: LabelSet,
    report: ImportReport,
) -> list[SourceImage]:
    for (split, name), mask in list(masks.items()):
        unmarked = _without_mark(name)
        if unmarked is not None and (split, name) not in photos:
            masks.setdefault((split, unmarked), mask)
    images, used = [], set()
    for (split, name), photo in photos.items():
        found = masks.get((split, name)) or masks.get((None, name))
        if found is None:
            report.drop_image("no mask", name, str(photo.path))
            continue
        used.add(found.path)
        images.append(SourceImage(name, photo.path, split, class_map_reader(found.path, source, labels)))
    for path, mask in {mask.path: mask for mask in masks.values()}.items():
        if path not in used:
            report.drop_image("no photo", mask.name, str(path))
    return images
