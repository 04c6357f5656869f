"""Reads labelme: a JSON file per image, with the photo that its `imagePath` names or its `imageData` contains.

The class of a shape is its label; `__ignore__` is void, `_background_` is background. Later shapes lie on top, as
labelme draws them. Folders `train`, `val` and `test` are splits.
Format: https://github.com/wkentaro/labelme
"""

from __future__ import annotations

import base64
import functools
import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tfds_voc_seg.importers.files import files_of, is_file, relative_name
from tfds_voc_seg.importers.json_files import listed, read_json
from tfds_voc_seg.importers.objects import SourceObject, object_labels, objects_class_map
from tfds_voc_seg.importers.photo_files import PHOTO_SUFFIXES, open_checked
from tfds_voc_seg.importers.placed_files import placed_file
from tfds_voc_seg.importers.shapes import (
    INVALID_NUMBERS,
    Rle,
    ShapeError,
    bitmap_rle,
    circle_points,
    polygon_rle,
    rectangle_points,
)
from tfds_voc_seg.importers.source import ImageDropped, ReaderOptions, Source, SourceError, SourceImage
from tfds_voc_seg.importers.split_lists import apply_split_lists
from tfds_voc_seg.labels import BACKGROUND

if TYPE_CHECKING:
    from pathlib import Path

    from tfds_voc_seg.importers.report import ImportReport

_VOID, _BACKGROUND = "__ignore__", "_background_"


def read_labelme(source: Path, options: ReaderOptions, report: ImportReport) -> Source:
    """Lists the images of all JSON files; invalid files and photos without a file are reported.

    A photo that is a file is preferred to the copy in the JSON file, because it can be linked.

    The label set is that of the options, or else background and the labels of all shapes, sorted.

    Raises:
        SourceError: the source is not a folder, or contains no JSON file of labelme.
    """
    if not source.is_dir():
        raise SourceError(f"{source} is not a folder")
    files = list(files_of(source))
    parts = _parts(files, source, options, report)
    if not parts:
        raise SourceError(f"{source} contains no JSON file of labelme")
    names = {item.name for _, _, objects, _ in parts for item in objects if item.name}
    labels = options.labels or object_labels(sorted(names))
    images = []
    for file, photo, objects, stated in parts:
        place = placed_file(file, source)
        make = functools.partial(objects_class_map, objects, stated, labels, report, place.name, small_on_top=False)
        embedded = None if photo else functools.partial(_embedded, file)
        images.append(SourceImage(place.name, photo or file, place.split, make, embedded))
    used = {photo for _, photo, _, _ in parts}
    for file in files:
        if file.suffix.lower() in PHOTO_SUFFIXES and file not in used:
            report.drop_image("no mask", str(file.relative_to(source)))
    if options.use_splits:
        images = apply_split_lists(source, images, report)
    return Source(labels, tuple(images))


def _parts(
    files: list[Path], source: Path, options: ReaderOptions, report: ImportReport
) -> list[tuple[Path, Path | None, list[SourceObject], tuple[Any, Any]]]:
    """Returns each JSON file with its photo, its objects, and the height and width that it states."""
    parts = []
    for file in files:
        if file.suffix.lower() != ".json":
            continue
        try:
            content = read_json(file)
            objects = [_object(shape) for shape in listed(content, "shapes", file)]
            photo = _photo(content, file, source, options)
        except SourceError as error:
            report.drop_image("no file of labelme", str(file.relative_to(source)), str(error))
            continue
        parts.append((file, photo, objects, (content.get("imageHeight"), content.get("imageWidth"))))
    return parts


def _photo(content: dict[str, Any], file: Path, source: Path, options: ReaderOptions) -> Path | None:
    """Returns the file of the photo; `None` if there is none and the JSON file contains the photo.

    Raises:
        SourceError: no photo is named.
    """
    name, is_embedded = content.get("imagePath"), bool(content.get("imageData"))
    path = relative_name(str(file.parent.relative_to(source) / name)) if isinstance(name, str) and name else None
    if path is None:
        if is_embedded:  # labelme writes an absolute path for a photo on another disk
            return None
        raise SourceError(f"{file}: imagePath {name!r} is missing or leaves the source")
    candidates = [source / path, file.parent / path.name]
    candidates += [options.photos / path, options.photos / path.name] if options.photos else []
    found = next((photo for photo in candidates if is_file(photo)), None)
    return found or (None if is_embedded else candidates[0])


def _embedded(file: Path) -> bytes:
    """Reads the photo in a JSON file, which is read again so that not all photos are in memory at once."""
    try:
        return base64.b64decode(read_json(file)["imageData"], validate=True)
    except (KeyError, TypeError, ValueError) as error:  # SourceError is a ValueError
        raise ImageDropped("image cannot be read", f"imageData of {file}: {error}") from error


def _object(shape: dict[str, Any]) -> SourceObject:
    label = shape.get("label")
    name: str | None = label if isinstance(label, str) else str(label)
    if name == _VOID:
        name = None
    elif name == _BACKGROUND:
        name = BACKGROUND
    kind = shape.get("shape_type") or "polygon"
    return SourceObject(name, functools.partial(_draw, kind, shape.get("points"), shape.get("mask")))


def _draw(kind: str, points: Any, mask: Any, size: tuple[int, int]) -> Rle:
    if kind not in ("polygon", "rectangle", "circle", "mask"):
        raise ShapeError("shape without an area", f"{kind!r}")
    try:
        corners = [(float(x), float(y)) for x, y in points]
    except INVALID_NUMBERS as error:
        raise ShapeError("invalid coordinates", str(points)[:60]) from error
    if kind == "polygon":
        return polygon_rle([[value for corner in corners for value in corner]], size)
    if len(corners) < 2 or not all(map(math.isfinite, (*corners[0], *corners[1]))):
        raise ShapeError("invalid coordinates", f"a {kind} needs two points")
    (x0, y0), (x1, y1) = corners[:2]
    if kind == "mask":
        return bitmap_rle(_bitmap(mask), round(x0), round(y0), size)
    if kind == "circle":
        radius = math.hypot(x1 - x0, y1 - y0)
        return polygon_rle([circle_points((x0, y0), (radius, radius))], size)
    return polygon_rle([rectangle_points(x0, y0, x1, y1)], size)


def _bitmap(mask: Any) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    try:
        with open_checked(io.BytesIO(base64.b64decode(mask, validate=True))) as image:
            return np.asarray(image.convert("L")) > 0
    except (TypeError, ValueError, OSError, ImageDropped) as error:
        raise ShapeError("invalid mask", str(error)[:100]) from error
