"""Class maps of images whose objects are listed with class and shape."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from tfds_voc_seg.importers.shapes import Rle, ShapeError, area, paint
from tfds_voc_seg.importers.source import ImageDropped
from tfds_voc_seg.label_set import Color, LabelSet, default_colors
from tfds_voc_seg.labels import BACKGROUND, VOID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from tfds_voc_seg.importers.report import ImportReport


@dataclasses.dataclass(frozen=True)
class SourceObject:
    """An object of an image.

    Attributes:
        name: its class; `None` for an area that is void.
        draw: called with height and width in pixels; returns the shape or raises `ShapeError`.
    """

    name: str | None
    draw: Callable[[tuple[int, int]], Rle]


def object_labels(names: Iterable[str], colors: tuple[Color, ...] | None = None) -> LabelSet:
    """Returns a label set of background and the given classes, in VOC's colours by default.

    Raises:
        LabelSetError: there are no classes or too many, or a name is invalid.
    """
    unique = tuple(dict.fromkeys([BACKGROUND, *names]))
    return LabelSet(unique, tuple(range(len(unique))), colors or default_colors(len(unique)), background=BACKGROUND)


def objects_class_map(
    objects: Iterable[SourceObject],
    stated: tuple[Any, Any],
    labels: LabelSet,
    report: ImportReport,
    image: str,
    size: tuple[int, int],
    *,
    small_on_top: bool,
) -> NDArray[np.uint8]:
    """Paints the objects of an image as `paint_objects` does.

    Args:
        objects: the objects, those on top last.
        stated: height and width for which the source states the coordinates; `None` where it states nothing.
        labels: the classes; objects of other classes are dropped.
        report: gets every object that is not painted.
        image: the image's name, for the report.
        size: height and width of the photo in pixels.
        small_on_top: paint larger objects first, so that smaller ones stay visible.

    Returns:
        uint8 [height, width], positions in the label set and `VOID`.

    Raises:
        ImageDropped: the photo has another size.
    """
    if None not in stated and stated != size:
        raise ImageDropped("size mismatch", f"annotated at {stated[1]}×{stated[0]}, photo {size[1]}×{size[0]}")
    return paint_objects(objects, size, labels, report, image, small_on_top=small_on_top)


def paint_objects(
    objects: Iterable[SourceObject],
    size: tuple[int, int],
    labels: LabelSet,
    report: ImportReport,
    image: str,
    *,
    small_on_top: bool,
) -> NDArray[np.uint8]:
    """Paints the objects of an image: void areas first, then the objects.

    Args:
        objects: the objects, those on top last.
        size: height and width of the image in pixels.
        labels: the classes; objects of other classes are dropped.
        report: gets every object that is not painted.
        image: the image's name, for the report.
        small_on_top: paint larger objects first, so that smaller ones stay visible.

    Returns:
        uint8 [height, width], positions in the label set and `VOID`.
    """
    drawn: list[tuple[int, Rle]] = []
    for item in objects:
        if item.name is not None and item.name not in labels.names:
            report.drop_object("unknown class", image, item.name)
            continue
        try:
            shape = item.draw(size)
        except ShapeError as error:
            report.drop_object(error.reason, image, f"{item.name or 'void'}: {error.detail}")
            continue
        drawn.append((VOID if item.name is None else labels.names.index(item.name), shape))
    # Stable: of equal areas the later is on top.
    order = sorted(drawn, key=lambda one: (one[0] != VOID, -area(one[1]) if small_on_top else 0))
    rest = VOID if labels.background is None else labels.names.index(labels.background)
    classes = np.full(size, rest, np.uint8, order="F")  # the order of pycocotools' masks
    for value, shape in order:
        paint(classes, shape, value)
    if not order:
        report.note("no objects", image)
    return np.ascontiguousarray(classes)
