"""Tiles cover the image and are blended without seams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.prediction.photos.tiles import blended_tiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@settings(max_examples=60)
@given(height=st.integers(1, 90), width=st.integers(1, 90), side=st.integers(1, 50))
def test_blending_unchanged_tiles_gives_the_image(height: int, width: int, side: int) -> None:
    image = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    sizes: set[tuple[int, ...]] = set()

    def unchanged(tiles: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        sizes.update(tile.shape for tile in tiles)
        return [tile.astype(np.float32) for tile in tiles]

    rows = [*blended_tiles(image, side, unchanged)]
    assert sizes == {(min(side, height), min(side, width), 3)}
    np.testing.assert_allclose(np.concatenate(rows), image, atol=1e-3)


def test_neighbouring_tiles_are_blended_gradually() -> None:
    """The result of each tile is its number: in the overlap of two tiles it must change gradually."""
    numbers = iter(range(100))

    def numbered(tiles: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        return [np.full((*tile.shape[:2], 1), next(numbers), np.float32) for tile in tiles]

    (row,) = blended_tiles(np.zeros((40, 100, 3), np.uint8), 40, numbered)
    steps = np.diff(row[0, :, 0])
    assert (row[0, 0, 0], row[0, -1, 0]) == (0, 2)
    assert steps.min() >= 0
    assert steps.max() <= 0.11
