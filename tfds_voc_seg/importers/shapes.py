"""Draws annotated shapes with pycocotools, and paints them into class maps.

Annotations come from anywhere: coordinates are checked, so that no shape needs more memory than its image.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from pycocotools import mask as coco_mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Rle = dict[str, Any]
"""A run-length encoded mask of pycocotools: `size` [height, width] and `counts`."""

INVALID_NUMBERS = (TypeError, ValueError, OverflowError)
"""What a conversion to float raises; `OverflowError` for a whole number above 1.8e308."""

_LONGEST_OUTLINE = 5_000_000  # pixels; pycocotools needs about 60 bytes for each
_CIRCLE_POINTS = 72


class ShapeError(ValueError):
    """A shape that cannot be drawn.

    Attributes:
        reason: a short reason that groups shapes, such as "empty polygon".
        detail: what was found.
    """

    def __init__(self, reason: str, detail: str = ""):
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def polygon_rle(polygons: Sequence[Any], size: tuple[int, int]) -> Rle:
    """Draws polygons as one shape, as COCO does.

    Args:
        polygons: each a flat list or array x, y, x, y, … in pixels.
        size: height and width of the image in pixels.

    Raises:
        ShapeError: no polygon has an area, or coordinates are invalid or outside of the image.
    """
    height, width = size
    drawn, outside = [], []
    for polygon in polygons:
        points = _checked_points(polygon)
        if len(points) < 3:
            continue
        low, high = points.min(axis=0), points.max(axis=0)
        if (low >= (width, height)).any() or (high <= 0).any():
            outside.append(f"x {low[0]:g} to {high[0]:g}, y {low[1]:g} to {high[1]:g}")
            continue
        steps = np.abs(np.diff(points, axis=0, append=points[:1])).max(axis=1).sum()
        if steps > _LONGEST_OUTLINE:
            raise ShapeError("invalid coordinates", f"an outline of {steps:.3g} pixels")
        drawn.append(points.ravel().tolist())
    if not drawn and outside:
        raise ShapeError("outside the image", outside[0])
    if not drawn:
        raise ShapeError("empty polygon", "a polygon needs at least three points")
    rle: Rle = coco_mask.merge(coco_mask.frPyObjects(drawn, height, width))
    return _not_empty(rle, "empty polygon")


def counts_rle(segmentation: dict[str, Any], size: tuple[int, int]) -> Rle:
    """Returns an RLE of COCO, compressed or not, after checking it.

    Args:
        segmentation: `size` [height, width] and `counts`: numbers, or COCO's compressed text.
        size: height and width of the image in pixels.

    Raises:
        ShapeError: it is invalid, empty or of another size.
    """
    counts = segmentation.get("counts")
    if segmentation.get("size") != list(size):
        raise ShapeError("size mismatch", f"an RLE of size {segmentation.get('size')} in an image of {list(size)}")
    runs = _uncompressed(counts) if isinstance(counts, str | bytes) else counts
    # pycocotools does not check the sum, and then returns memory that it has not written.
    if (
        not isinstance(runs, list)
        or not all(isinstance(run, int) and run >= 0 for run in runs)
        or sum(runs) != math.prod(size)
    ):
        raise ShapeError("invalid RLE", f"its runs do not sum up to {math.prod(size)} pixels")
    rle: Rle = coco_mask.frPyObjects({"size": list(size), "counts": runs}, *size)
    return _not_empty(rle, "empty RLE")


def circle_points(center: Sequence[float], radius: Sequence[float]) -> list[float]:
    """Returns a polygon for an ellipse: x, y, x, y and so on."""
    angles = np.linspace(0, 2 * np.pi, _CIRCLE_POINTS, endpoint=False)
    x, y = center[0] + radius[0] * np.cos(angles), center[1] + radius[1] * np.sin(angles)
    return [float(value) for value in np.stack([x, y], axis=-1).ravel()]


def rectangle_points(left: float, top: float, right: float, bottom: float) -> list[float]:
    """Returns a polygon for a rectangle: x, y, x, y and so on."""
    return [left, top, right, top, right, bottom, left, bottom]


def area(rle: Rle) -> int:
    """Returns the number of pixels of a shape."""
    return int(coco_mask.area(rle))


def paint(classes: NDArray[np.uint8], rle: Rle, value: int) -> None:
    """Sets the pixels of a shape in a class map, uint8 [height, width]."""
    classes[coco_mask.decode(rle).view(bool)] = value


def _checked_points(polygon: Any) -> NDArray[np.float64]:
    try:
        points = np.array(polygon, np.float64).reshape(-1, 2)
    except INVALID_NUMBERS as error:
        raise ShapeError("invalid coordinates", f"{str(polygon)[:60]} is not a list x, y, x, y, …") from error
    if not np.isfinite(points).all():
        raise ShapeError("invalid coordinates", "not all are finite numbers")
    return points


def _not_empty(rle: Rle, reason: str) -> Rle:
    if not area(rle):
        raise ShapeError(reason, "it covers no pixel")
    return rle


def _uncompressed(text: str | bytes) -> list[int] | None:
    """Returns the runs of COCO's compressed text; `None` if it is invalid.

    Each number has 5 bits per character, the lowest first; bit 5 says that more follow. From the fourth number on it is
    the difference to the last but one. Source: `rleFrString` in pycocotools' maskApi.c.
    """
    runs: list[int] = []
    value = shift = 0
    for code in map(ord, text) if isinstance(text, str) else text:
        bits = code - 48
        if not 0 <= bits < 64 or shift > 35:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = shift = 0
    return None if shift else runs


def bitmap_rle(bitmap: NDArray[np.bool_], left: int, top: int, size: tuple[int, int]) -> Rle:
    """Returns a shape that is given as a bitmap with a position; what lies outside of the image is cut off.

    Args:
        bitmap: bool [rows, columns].
        left: column of the image for the bitmap's first column.
        top: row of the image for the bitmap's first row.
        size: height and width of the image in pixels.

    Raises:
        ShapeError: it covers no pixel of the image.
    """
    height, width = size
    canvas = np.zeros(size, np.uint8, order="F")
    rows = slice(max(top, 0), max(min(top + bitmap.shape[0], height), 0))
    columns = slice(max(left, 0), max(min(left + bitmap.shape[1], width), 0))
    visible = bitmap[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    if not visible.size:
        raise ShapeError("outside the image", f"a mask at x {left}, y {top}")
    canvas[rows, columns] = visible
    rle: Rle = coco_mask.encode(canvas)
    return _not_empty(rle, "empty mask")
