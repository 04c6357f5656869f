"""Processes an image in overlapping tiles and blends the results without seams, with one row of tiles in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tfds_voc_seg.image_size import ImageSize, sides_of
from tfds_voc_seg.windows import window_offsets, window_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

_VALUES_AT_ONCE = 1 << 22  # of the probabilities that are passed on together

ProbabilitiesOf: TypeAlias = "Callable[[Sequence[NDArray[np.uint8]]], Iterable[NDArray[np.float32]]]"
"""Tiles, uint8 [height, width, 3] each → the probabilities of each tile, float32 [height, width, classes]."""


def blended_tiles(
    image: NDArray[np.uint8], size: ImageSize, probabilities_of: ProbabilitiesOf
) -> Iterator[NDArray[np.float32]]:
    """Computes the probabilities of an image tile by tile, from top to bottom.

    Where tiles lie and how they are blended: see `tfds_voc_seg.windows`.

    Args:
        image: uint8 [height, width, 3].
        size: the side of square tiles, or height and width of a tile, pixels; reduced to the image's height or width
            if that is smaller.
        probabilities_of: called once per row of tiles.

    Yields:
        The next finished rows of pixels, float32 [rows, width, classes], until the image is complete.
    """
    height, width = (min(side, length) for side, length in zip(sides_of(size), image.shape, strict=False))
    tops, row_weights = _windows(image.shape[0], height)
    lefts, column_weights = _windows(image.shape[1], width)
    rows: NDArray[np.float32] | None = None
    for number, top in enumerate(tops):
        tiles = probabilities_of([image[top : top + height, left : left + width] for left in lefts])
        for tile, left, weights in zip(tiles, lefts, column_weights, strict=True):
            if rows is None:
                rows = np.zeros((height, image.shape[1], tile.shape[-1]), np.float32)
            rows[:, left : left + width] += tile * (row_weights[number][:, np.newaxis] * weights)[..., np.newaxis]
        assert rows is not None  # every row has at least one tile
        finished = height if number + 1 == len(tops) else tops[number + 1] - top
        step = max(1, _VALUES_AT_ONCE // rows[0].size)
        for first in range(0, finished, step):
            yield rows[first : min(first + step, finished)].copy()
        for first in range(0, height - finished, finished):  # in parts that do not overlap, which numpy would copy
            following = rows[first + finished : first + 2 * finished]
            rows[first : first + len(following)] = following
        rows[height - finished :] = 0


def _windows(length: int, side: int) -> tuple[list[int], NDArray[np.float32]]:
    """Returns where the tiles of an axis begin, and the weights of each, float32 [tiles, side]."""
    offsets = window_offsets(length, side)
    return offsets, window_weights(length, side, offsets)
