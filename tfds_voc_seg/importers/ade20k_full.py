"""Reads the full set of ADE20K, as released in 2021 (`ADE20K_2021_17_01`): thousands of classes.

Beside a photo `x.jpg` lie `x_seg.png`, whose red and green tell the class of each pixel, and `x.json`, which names the
classes of the image's objects. Value 0 is not labelled and is void. Parts of objects have files of their own and are
not read. The folders `training` and `validation` are splits.
Source: https://github.com/CSAILVision/ADE20K, README and `utils/utils_ade20k.py`.
"""

from __future__ import annotations

import collections
import functools
from typing import TYPE_CHECKING

import numpy as np

from tfds_voc_seg.importers.files import files_of
from tfds_voc_seg.importers.json_files import listed, read_json
from tfds_voc_seg.importers.mask_images import read_mask_image
from tfds_voc_seg.importers.source import SPLIT_NAMES, ImageDropped, ReaderOptions, Source, SourceError, SourceImage
from tfds_voc_seg.label_set import MAX_CLASSES, LabelSet, default_colors
from tfds_voc_seg.labels import BACKGROUND, VOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tfds_voc_seg.importers.report import ImportReport
    from tfds_voc_seg.importers.source import Split

MASK_END = "_seg.png"
_NO_CLASS = 2**13 - 1  # larger than any number of a class: red is at most 255, so 25 * 256 + 255
_LISTED = 10  # names in a message


def is_full_set(source: Path) -> bool:
    """Returns whether a folder holds masks of the full set, wherever."""
    return source.is_dir() and any(file.name.endswith(MASK_END) for file in files_of(source))


def read_full_ade20k(source: Path, options: ReaderOptions, report: ImportReport) -> Source:
    """Lists the photos with their masks; images without a JSON file are reported.

    The classes are those that `options.classes` names, in this order, or the label set of the options, whose ids are
    the numbers of the classes, or else all. Pixels of other classes become background if that is one of the classes,
    else void.

    Raises:
        SourceError: no image has a JSON file, a class does not exist, or there are more than a label set may have.
    """
    masks = [file for file in files_of(source) if file.name.endswith(MASK_END)]
    texts: dict[int, str] = {}
    images_of: collections.Counter[int] = collections.Counter()
    described = []
    for mask in masks:
        try:
            objects = _names(mask.with_name(mask.name.removesuffix(MASK_END) + ".json"))
        except SourceError as error:
            report.drop_image("no description of the classes", _place(mask, source)[1], str(error))
            continue
        texts |= objects
        images_of.update(objects.keys())
        described.append(mask)
    if not described:
        raise SourceError(
            f"{source}: no {MASK_END} has a readable .json beside it, which names the classes, as in ADE20K_2021_17_01"
        )
    numbers = sorted(texts)
    names = dict(zip(short_names([texts[number] for number in numbers]), numbers, strict=True))
    labels = options.labels or _label_set(names, options.classes, images_of)
    images = []
    for mask in described:
        split, name = _place(mask, source)
        photo = mask.with_name(mask.name.removesuffix(MASK_END) + ".jpg")
        photo = options.photos / photo.relative_to(source) if options.photos else photo
        images.append(SourceImage(name, photo, split, functools.partial(_class_map, mask, source, labels)))
    return Source(labels, tuple(images))


def short_names(texts: Sequence[str]) -> list[str]:
    """Returns the first of the synonyms "tree, palm" of each class; all of them if another class has the same first."""
    first = [text.partition(",")[0].strip() for text in texts]
    counts = collections.Counter(first)
    return [text if counts[name] > 1 else name for name, text in zip(first, texts, strict=True)]


def _names(file: Path) -> dict[int, str]:
    """Returns the names of the objects of an image by the number of their class, without parts of objects."""
    annotation = read_json(file, errors="replace").get("annotation")
    if not isinstance(annotation, dict):
        raise SourceError(f"{file}: annotation must be an object with keys")
    names = {}
    for item in listed(annotation, "object", file):
        number, name, parts = item.get("name_ndx"), item.get("name"), item.get("parts")
        is_part = isinstance(parts, dict) and parts.get("part_level") not in (0, "0", None)
        if isinstance(number, int) and 0 < number < _NO_CLASS and isinstance(name, str) and not is_part:
            names[number] = name.strip()
    return names


def _label_set(
    numbers: dict[str, int], chosen: tuple[str, ...] | None, images_of: collections.Counter[int]
) -> LabelSet:
    known = {number: name for name, number in numbers.items()}
    if chosen is None and len(numbers) > MAX_CLASSES:
        frequent = ", ".join(known[number] for number, _ in images_of.most_common(_LISTED))
        raise SourceError(
            f"the source has {len(numbers):,} classes, and a label set at most {MAX_CLASSES}: select classes with "
            f"--classes; the most frequent are {frequent}"
        )
    names = chosen or tuple(known[number] for number in sorted(known))
    unknown = [name for name in names if name not in numbers and name != BACKGROUND]
    if unknown:
        raise SourceError(f"--classes: no object of the source is called {unknown[0]!r}")
    return LabelSet(
        names=names,
        ids=tuple(numbers.get(name, _NO_CLASS) for name in names),
        colors=default_colors(len(names)),
        background=BACKGROUND if BACKGROUND in names else None,
        void_ids=(0,),
        masks="index",
    )


def _place(mask: Path, source: Path) -> tuple[Split | None, str]:
    """Returns the split that a folder above a mask names, and the image's name below that folder."""
    folders = mask.relative_to(source).parts[:-1]
    name = mask.name.removesuffix(MASK_END)
    for position, folder in enumerate(folders):
        if folder in SPLIT_NAMES:
            return SPLIT_NAMES[folder], "/".join((*folders[position + 1 :], name))
    return None, "/".join((*folders, name))


def _class_map(mask: Path, source: Path, labels: LabelSet, _size: tuple[int, int]) -> NDArray[np.uint8]:
    colors = read_mask_image(mask, source).values
    if colors.ndim != 3:
        raise ImageDropped("mask without a meaning", f"{mask} is not an RGB image")
    table = np.full(2**16, VOID if labels.background is None else labels.names.index(labels.background), np.uint8)
    table[list(labels.ids)] = np.arange(len(labels.ids))
    table[list(labels.void_ids)] = VOID
    numbers = colors[..., 0] // 10 * np.uint16(256) + colors[..., 1]
    return np.asarray(table[numbers], np.uint8)
