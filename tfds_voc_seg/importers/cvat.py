"""Reads the exports of CVAT: "Segmentation mask 1.1" and "CVAT for images 1.1", unpacked, with their images.

- "Segmentation mask 1.1": `labelmap.txt`, `SegmentationClass` in its colours, `JPEGImages`.
- "CVAT for images 1.1": `annotations.xml` and `images`. Shapes with a higher `z_order` lie on top, then later ones. The
  subset of an image is its split.

Format: https://docs.cvat.ai/docs/manual/advanced/formats/
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from tfds_voc_seg.importers.files import is_file, relative_name
from tfds_voc_seg.importers.folders import read_folders
from tfds_voc_seg.importers.objects import SourceObject, object_labels, objects_class_map
from tfds_voc_seg.importers.shapes import (
    Rle,
    ShapeError,
    bitmap_rle,
    circle_points,
    polygon_rle,
    rectangle_points,
)
from tfds_voc_seg.importers.source import SPLIT_NAMES, ReaderOptions, Source, SourceError, SourceImage
from tfds_voc_seg.label_set_files import LABEL_MAP_FILE, read_label_set
from tfds_voc_seg.labels import BACKGROUND

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from tfds_voc_seg.importers.report import ImportReport
    from tfds_voc_seg.label_set import Color, LabelSet

XML_FILE = "annotations.xml"
_SHAPES = ("polygon", "box", "ellipse", "mask", "polyline", "points", "cuboid", "skeleton")


def read_cvat(source: Path, options: ReaderOptions, report: ImportReport) -> Source:
    """Lists the images of an export. The label set is that of the options, or else that of the export.

    Raises:
        SourceError: the source is no export of CVAT, or its XML is invalid.
        LabelSetError: the export's label set is invalid.
    """
    if (source / XML_FILE).is_file():
        return _read_xml(source, options, report)
    if (source / LABEL_MAP_FILE).is_file():
        labels = options.labels or read_label_set(source / LABEL_MAP_FILE)
        return read_folders(source, dataclasses.replace(options, labels=labels), report)
    raise SourceError(
        f"{source} contains neither {LABEL_MAP_FILE} (Segmentation mask 1.1) nor {XML_FILE} (CVAT for images 1.1): "
        "unpack the export into a folder"
    )


def _read_xml(source: Path, options: ReaderOptions, report: ImportReport) -> Source:
    file = source / XML_FILE
    listed: list[tuple[dict[str, str], list[SourceObject]]] = []
    label_colors: dict[str, str] = {}
    try:
        for _, element in ElementTree.iterparse(file, events=("end",)):
            if element.tag == "label" and element.findtext("name"):
                label_colors[str(element.findtext("name"))] = str(element.findtext("color"))
            elif element.tag == "image":
                listed.append((dict(element.attrib), _objects(element)))
                element.clear()
    except (ElementTree.ParseError, DefusedXmlException, UnicodeDecodeError) as error:
        raise SourceError(f"{file} cannot be read as XML: {error}") from error
    if not listed:
        raise SourceError(f"{file} contains no image: export with the format CVAT for images 1.1")
    used = (item.name for _, objects in listed for item in objects if item.name)
    labels = options.labels or _label_set(label_colors, used)
    images = [_image(attributes, objects, source, labels, options, report) for attributes, objects in listed]
    return Source(labels, tuple(image for image in images if image))


def _label_set(label_colors: dict[str, str], used: Any) -> LabelSet:
    """Returns background and the labels, in the export's colours if each has its own."""
    names = label_colors or dict.fromkeys(used, "")
    labels = object_labels(names)
    try:
        colors = {name: _color(text) for name, text in label_colors.items()} | {BACKGROUND: (0, 0, 0)}
        return dataclasses.replace(labels, colors=tuple(colors[name] for name in labels.names))
    except (KeyError, ValueError):  # a label without a colour, or two with the same one
        return labels


def _color(text: str) -> Color:
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def _image(
    attributes: dict[str, str],
    objects: list[SourceObject],
    source: Path,
    labels: LabelSet,
    options: ReaderOptions,
    report: ImportReport,
) -> SourceImage | None:
    name = attributes.get("name", "")
    path = relative_name(name)
    if path is None:
        report.drop_image("name leaves the source or is missing", name, f"image {attributes.get('id')}")
        return None
    subset = attributes.get("subset", "")
    folders = [options.photos] if options.photos else [source / "images", source / "images" / subset, source]
    photo = next((folder / path for folder in folders if is_file(folder / path)), folders[0] / path)
    image = str(path.with_suffix(""))
    stated = (_whole(attributes.get("height", "")), _whole(attributes.get("width", "")))
    make = functools.partial(objects_class_map, objects, stated, labels, report, image, small_on_top=False)
    return SourceImage(image, photo, SPLIT_NAMES.get(subset.lower()), make)


def _objects(image: Element) -> list[SourceObject]:
    """Returns the shapes of an image, those on top last."""
    shapes = [element for element in image if element.tag in _SHAPES]
    ordered = sorted(shapes, key=lambda shape: _whole(shape.get("z_order", "0")) or 0)
    return [
        SourceObject(shape.get("label", ""), functools.partial(_draw, shape.tag, dict(shape.attrib)))
        for shape in ordered
    ]


def _draw(kind: str, values: dict[str, str], size: tuple[int, int]) -> Rle:
    if kind == "polygon":
        return polygon_rle([_numbers(values.get("points", "").replace(";", ","))], size)
    if kind == "box":
        left, top, right, bottom = (_number(values, key) for key in ("xtl", "ytl", "xbr", "ybr"))
        return polygon_rle([rectangle_points(left, top, right, bottom)], size)
    if kind == "ellipse":
        x, y, radius_x, radius_y = (_number(values, key) for key in ("cx", "cy", "rx", "ry"))
        return polygon_rle([circle_points((x, y), (radius_x, radius_y))], size)
    if kind == "mask":
        left, top, columns, rows = (round(_number(values, key)) for key in ("left", "top", "width", "height"))
        return bitmap_rle(_bitmap(_numbers(values.get("rle", "")), rows, columns, size), left, top, size)
    raise ShapeError("shape without an area", kind)


def _bitmap(
    runs: list[float], rows: int, columns: int, size: tuple[int, int]
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Unpacks CVAT's runs: zeros and ones in turn, row by row."""
    pixels = rows * columns
    if (
        not 0 < pixels <= math.prod(size)
        or min(rows, columns) < 1
        or sum(runs) != pixels
        or not all(_is_run(run) for run in runs)
    ):
        raise ShapeError("invalid RLE", f"its runs do not sum up to {columns}×{rows} pixels")
    lengths = np.array(runs, np.int64)
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(rows, columns)


def _is_run(run: float) -> bool:
    return run >= 0 and run.is_integer()


def _numbers(text: str) -> list[float]:
    try:
        return [float(value) for value in text.split(",")]
    except ValueError as error:
        raise ShapeError("invalid coordinates", text[:60]) from error


def _number(values: dict[str, str], key: str) -> float:
    (number,) = _numbers(values.get(key, ""))[:1]
    if not math.isfinite(number):
        raise ShapeError("invalid coordinates", f"{key} {number}")
    return number


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
