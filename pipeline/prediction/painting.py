"""Paints class maps over pictures, fast enough for videos; used for photos and frames, RGB and YUV."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfds_voc_seg.pixel_tables import PIXELS_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_VALUES = 256  # of a colour channel


class Painter:
    """Paints class maps over pictures: each class in its colour, the background unchanged.

    A painted value depends only on the channel, the class and the picture's value. All results are computed in advance
    and stored in a table per channel, so that painting is a table look-up. Pixels of outlines are additional classes,
    numbered after the others.
    """

    def __init__(
        self,
        palette: Sequence[Sequence[int]],
        *,
        has_background: bool = True,
        alpha: float = 0.5,
        contours: bool = False,
    ):
        """Computes the tables.

        Args:
            palette: a colour per class id in the pictures' own channels, 0 to 255.
            has_background: whether class 0 is background, which stays unchanged and has no outline.
            alpha: opacity of the classes' colours, 0 to 1.
            contours: draw the outlines of all classes except the background, inside the class, fully opaque.

        Raises:
            ValueError: `alpha` is not between 0 and 1.
        """
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha must be between 0 and 1, not {alpha}")
        colours = np.asarray(palette, np.float32).T[:, :, np.newaxis]  # [3, classes, 1]
        values = np.arange(_VALUES, dtype=np.float32)
        blended = (1 - alpha) * values + alpha * colours  # [3, classes, values]
        if has_background:
            blended[:, 0] = values
        full = np.broadcast_to(colours, blended.shape)
        self._tables = np.rint(np.concatenate([blended, full], axis=1)).astype(np.uint8).reshape(3, -1)
        self._classes = len(palette)
        self._contours = contours
        self._has_background = has_background

    def __call__(self, picture: NDArray[np.uint8], class_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Paints a picture.

        Args:
            picture: uint8 [height, width, 3].
            class_map: uint8 [height, width], indices into the palette.

        Returns:
            uint8 [height, width, 3].

        Raises:
            ValueError: the sizes differ, or a class has no colour.
        """
        painted = np.empty_like(picture)
        for top, rows in self.strips(picture, class_map):
            painted[top : top + len(rows)] = rows
        return painted

    def strips(
        self, picture: NDArray[np.uint8], class_map: NDArray[np.uint8]
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Paints a picture part by part; the arguments are those of `__call__`.

        Yields:
            The place of the first row, and the next painted rows, uint8 [rows, width, 3].

        Raises:
            ValueError: as `__call__`.
        """
        height = max(1, PIXELS_AT_ONCE // max(1, class_map.shape[1]))
        for top in range(0, len(class_map), height):
            part = slice(top, top + height)
            painted = np.empty_like(picture[part])
            planes, out = ([*np.moveaxis(pixels, -1, 0)] for pixels in (picture[part], painted))
            first = max(0, top - 1)  # outlines depend on the rows above and below
            outlined = self._outlined(class_map[first : top + height + 1])
            if outlined is not None:
                outlined = outlined[top - first :][: len(painted)]
            self._paint(planes, class_map[part], out, outlined)
            yield top, painted

    def paint(
        self,
        planes: Sequence[NDArray[np.uint8]],
        class_map: NDArray[np.uint8],
        painted: Sequence[NDArray[np.uint8]],
    ) -> None:
        """Paints a picture whose channels are separate arrays.

        Args:
            planes: the three channels, uint8 [height, width], or [height / 2, width / 2]: then each value stands for
                four pixels and is painted with the highest class id among them.
            class_map: uint8 [height, width], indices into the palette.
            painted: arrays of the same shapes that receive the result.

        Raises:
            ValueError: the sizes differ, or a class has no colour.
        """
        self._paint(planes, class_map, painted, self._outlined(class_map))

    def _outlined(self, class_map: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
        return outlines(class_map, has_background=self._has_background) if self._contours else None

    def _paint(
        self,
        planes: Sequence[NDArray[np.uint8]],
        class_map: NDArray[np.uint8],
        painted: Sequence[NDArray[np.uint8]],
        outlined: NDArray[np.bool_] | None,
    ) -> None:
        height, width = class_map.shape
        if class_map.size and class_map.max() >= self._classes:
            raise ValueError(f"the class map contains class {class_map.max()}, but there are {self._classes} colours")
        table_rows = class_map.astype(np.uint16)  # small numbers as long as possible: less memory to go through
        if outlined is not None:
            table_rows[outlined] += self._classes
        rows_of = {class_map.shape: table_rows}
        for table, plane, out in zip(self._tables, planes, painted, strict=True):
            if plane.shape not in rows_of:
                if plane.shape != (height // 2, width // 2) or height % 2 or width % 2:
                    raise ValueError(f"a plane of shape {plane.shape} does not fit a class map of {class_map.shape}")
                rows_of[plane.shape] = _maximum_of_four(table_rows)
            entries = rows_of[plane.shape].astype(np.intp)
            entries *= _VALUES
            entries += plane
            out[...] = table.take(entries, mode="clip")  # all in range; "clip" is the fastest mode


def _maximum_of_four(values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Returns the maximum of each block of 2 × 2 values."""
    rows = np.maximum(values[::2], values[1::2])
    return np.maximum(rows[:, ::2], rows[:, 1::2])


def outlines(class_map: NDArray[np.uint8], *, has_background: bool = True) -> NDArray[np.bool_]:
    """Returns where outlines are drawn: pixels that share a side with a pixel of another class, never background.

    Args:
        class_map: uint8 [height, width].
        has_background: whether class 0 is background.

    Returns:
        bool [height, width].
    """
    found = np.zeros(class_map.shape, bool)
    beside, below = class_map[:, 1:] != class_map[:, :-1], class_map[1:] != class_map[:-1]
    found[:, 1:] |= beside
    found[:, :-1] |= beside
    found[1:] |= below
    found[:-1] |= below
    if has_background:
        found &= class_map != 0
    return found
