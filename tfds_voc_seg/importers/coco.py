"""Reads COCO's instance annotations: polygons and RLE.

The source is a JSON file, or a folder with JSON files in itself, in `annotations/` or beside the photos of each split.
The photos are beside the JSON file, or in the folders that `_photo_folders` names. A `train`, `val` or `test` in the
name of the file (`instances_train2017.json`) or of its folder is its split.

Crowds (`iscrowd`) become void. Other objects are painted over them, larger ones first, so that small ones stay visible.
Format: https://cocodataset.org/#format-data
"""

from __future__ import annotations

import contextlib
import functools
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from tfds_voc_seg.importers.files import is_file, relative_name
from tfds_voc_seg.importers.json_files import listed, read_json
from tfds_voc_seg.importers.objects import SourceObject, object_labels, objects_class_map
from tfds_voc_seg.importers.shapes import INVALID_NUMBERS, Rle, ShapeError, counts_rle, polygon_rle
from tfds_voc_seg.importers.source import SPLIT_NAMES, ReaderOptions, Source, SourceError, SourceImage

if TYPE_CHECKING:
    from pathlib import Path

    from tfds_voc_seg.importers.report import ImportReport
    from tfds_voc_seg.importers.source import Split
    from tfds_voc_seg.label_set import LabelSet

_USED_KEYS = {"images", "id", "file_name", "height", "width", "categories", "name"}
_USED_KEYS |= {"annotations", "image_id", "category_id", "iscrowd", "segmentation", "size", "counts"}


def read_coco(source: Path, options: ReaderOptions, report: ImportReport) -> Source:
    """Lists the images of all annotation files; objects without an image and repeated ids are reported.

    The label set is that of the options, or else background and the categories in the order of their ids.

    Raises:
        SourceError: there is no annotation file, or one is invalid.
        LabelSetError: there are too many categories.
    """
    files = annotation_files(source)
    categories: dict[str, None] = {}
    images: list[SourceImage] = []
    parts = []
    for file in files:
        content = read_json(file, reduce=_reduced)
        names = _category_names(content, file)
        categories |= dict.fromkeys(names[key] for key in sorted(names))
        parts.append((file, content, names))
    labels = options.labels or object_labels(categories)
    for file, content, names in parts:
        images += _images(file, content, names, labels, source, options, report)
    return Source(labels, tuple(images))


def annotation_files(source: Path) -> list[Path]:
    """Returns the files with instances: those named `instances_…`, or else all JSON files that list categories.

    Raises:
        SourceError: there is none.
    """
    if source.is_file():
        return [source]
    found = [*source.glob("*.json"), *source.glob("annotations/*.json"), *source.glob("*/*annotations*.json")]
    files = sorted(set(found))
    files = [file for file in files if file.name.startswith("instances_")] or files
    if not files:
        raise SourceError(
            f"{source} contains no JSON file, neither itself nor in annotations/: name the file as SOURCE"
        )
    return files


def split_of(file: Path, source: Path) -> Split | None:
    """Returns the split that the name of a file or of its folder contains as a word."""
    parts = file.relative_to(source).parts if source.is_dir() else (file.name,)
    words = re.findall(r"[a-z]+", " ".join(parts).lower())
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), None)


def _photo_folders(file: Path, source: Path, options: ReaderOptions) -> list[Path]:
    """Returns the folders where photos of a JSON file may be, in the order of the search."""
    root = source if source.is_dir() else source.parent
    set_name = file.stem.removeprefix("instances_")
    below = ["", "images", set_name, f"images/{set_name}"]
    split = split_of(file, source)
    below += [split, f"images/{split}"] if split else []
    roots = [options.photos] if options.photos else [file.parent, root]
    return [place / name for place in roots for name in below]


def _category_names(content: dict[str, Any], file: Path) -> dict[int, str]:
    names: dict[int, str] = {}
    for number, category in enumerate(listed(content, "categories", file)):
        key, name = category.get("id"), category.get("name")
        if not isinstance(key, int) or not isinstance(name, str):
            raise SourceError(f"{file}: categories[{number}] needs an id (a whole number) and a name")
        if key in names:
            raise SourceError(f"{file}: categories[{number}] has the id {key}, as another category has")
        names[key] = name
    return names


def _images(
    file: Path,
    content: dict[str, Any],
    names: dict[int, str],
    labels: LabelSet,
    source: Path,
    options: ReaderOptions,
    report: ImportReport,
) -> list[SourceImage]:
    split, folders = split_of(file, source), _photo_folders(file, source, options)
    annotations: dict[Any, list[dict[str, Any]]] = {}
    for annotation in listed(content, "annotations", file):
        annotations.setdefault(_key(annotation.get("image_id")), []).append(annotation)
    images: dict[Any, SourceImage] = {}
    for number, entry in enumerate(listed(content, "images", file)):
        key, name = _key(entry.get("id")), entry.get("file_name")
        relative = relative_name(name) if isinstance(name, str) else None
        where = f"{file.name}: images[{number}]"
        if relative is None:
            report.drop_image("file_name leaves the source or is missing", str(name), where)
        elif key in images or key is None:
            report.drop_image("duplicate id", str(relative), f"{where} has the id {key!r}")
        else:
            photo = next((folder / relative for folder in folders if is_file(folder / relative)), None)
            photo = photo or folders[0] / relative
            objects = [_object(annotation, names) for annotation in annotations.pop(key, ())]
            image = str(relative.with_suffix(""))
            stated = (entry.get("height"), entry.get("width"))
            make = functools.partial(objects_class_map, objects, stated, labels, report, image, small_on_top=True)
            if any(item.name is None for item in objects):
                report.note("crowds became void", image)
            images[key] = SourceImage(image, photo, split, make)
    for key, lost in annotations.items():
        report.drop_object("no photo", f"image_id {key!r}", f"{len(lost)} objects of {file.name}")
    return list(images.values())


def _reduced(entry: dict[str, Any]) -> dict[str, Any]:
    """Returns the keys that are used, and polygons as arrays: 8 bytes for a coordinate, a list of floats needs 32."""
    used = {key: value for key, value in entry.items() if key in _USED_KEYS}
    if isinstance(used.get("segmentation"), list):
        with contextlib.suppress(*INVALID_NUMBERS):  # remains a list, which is reported when it is drawn
            used["segmentation"] = [np.array(polygon, np.float64) for polygon in used["segmentation"]]
    return used


def _key(value: Any) -> Any:
    """Returns an id that can be a key; `None` if it cannot."""
    return value if isinstance(value, int | str) else None


def _object(annotation: dict[str, Any], names: dict[int, str]) -> SourceObject:
    category = _key(annotation.get("category_id"))
    name = None if annotation.get("iscrowd") else names.get(category, f"category_id {category!r}")
    return SourceObject(name, functools.partial(_rle, annotation.get("segmentation")))


def _rle(segmentation: Any, size: tuple[int, int]) -> Rle:
    if isinstance(segmentation, dict):
        return counts_rle(segmentation, size)
    if isinstance(segmentation, list) and segmentation:
        return polygon_rle(segmentation, size)
    raise ShapeError("no segmentation", "the annotation has only a box")
