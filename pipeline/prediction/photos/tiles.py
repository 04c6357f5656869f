"""Processes an image in overlapping tiles and blends the results without seams, with one row of tiles in memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

ProbabilitiesOf: TypeAlias = "Callable[[Sequence[NDArray[np.uint8]]], Iterable[NDArray[np.float32]]]"
"""Tiles, uint8 [height, width, 3] each → the probabilities of each tile, float32 [height, width, classes]."""

_OVERLAP_DIVISOR = 4  # neighbouring tiles overlap by a quarter of a tile or more


def blended_tiles(
    image: NDArray[np.uint8], side: int, probabilities_of: ProbabilitiesOf
) -> Iterator[NDArray[np.float32]]:
    """Computes the probabilities of an image tile by tile, from top to bottom.

    Neighbouring tiles overlap by a quarter of a tile or more; within the overlap the weight of a tile falls linearly
    towards its edge.

    Args:
        image: uint8 [height, width, 3].
        side: height and width of the tiles, pixels; reduced to the image's height or width if that is smaller.
        probabilities_of: called once per row of tiles.

    Yields:
        The next finished rows of pixels, float32 [rows, width, classes], until the image is complete.
    """
    height, width = min(side, image.shape[0]), min(side, image.shape[1])
    tops, lefts = _offsets(image.shape[0], height), _offsets(image.shape[1], width)
    row_weights, column_weights = _weights(image.shape[0], height, tops), _weights(image.shape[1], width, lefts)
    rows: NDArray[np.float32] | None = None
    for number, top in enumerate(tops):
        tiles = probabilities_of([image[top : top + height, left : left + width] for left in lefts])
        for tile, left, weights in zip(tiles, lefts, column_weights, strict=True):
            if rows is None:
                rows = np.zeros((height, image.shape[1], tile.shape[-1]), np.float32)
            rows[:, left : left + width] += tile * (row_weights[number][:, np.newaxis] * weights)[..., np.newaxis]
        assert rows is not None  # every row has at least one tile
        finished = height if number + 1 == len(tops) else tops[number + 1] - top
        yield rows[:finished].copy()
        rows[: -finished or None] = rows[finished:]
        rows[height - finished :] = 0


def _offsets(length: int, side: int) -> list[int]:
    """Returns the offsets of the tiles along an axis: evenly spaced, the last tile ends at the image's edge."""
    step = side - math.ceil(side / _OVERLAP_DIVISOR)
    count = math.ceil((length - side) / max(1, step)) + 1
    return [int(offset) for offset in np.rint(np.linspace(0, length - side, count))]


def _weights(length: int, side: int, offsets: Sequence[int]) -> list[NDArray[np.float32]]:
    """Returns the weights of each tile along an axis, float32 [side]; at every pixel the weights add up to 1."""
    distance = np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1))
    ramp = np.minimum(distance, math.ceil(side / _OVERLAP_DIVISOR)).astype(np.float64)
    total = np.zeros(length)
    for offset in offsets:
        total[offset : offset + side] += ramp
    return [(ramp / total[offset : offset + side]).astype(np.float32) for offset in offsets]
