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

_LONGEST_OUTLINE = 5_000_000  # pixels; pycocotools needs about 60 bytes for each


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
        polygons: each a flat list x, y, x, y, … in pixels.
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
    if list(segmentation.get("size", ())) != list(size):
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


def area(rle: Rle) -> int:
    """Returns the number of pixels of a shape."""
    return int(coco_mask.area(rle))


def paint(classes: NDArray[np.uint8], rle: Rle, value: int) -> None:
    """Sets the pixels of a shape in a class map, uint8 [height, width]."""
    classes[coco_mask.decode(rle).view(bool)] = value


def _checked_points(polygon: Any) -> NDArray[np.float64]:
    try:
        points = np.array(polygon, np.float64).reshape(-1, 2)
    except (TypeError, ValueError) as error:
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
    for code in text.encode() if isinstance(text, str) else text:
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
