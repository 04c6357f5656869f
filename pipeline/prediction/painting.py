"""Class maps laid over pictures, fast enough for videos: one way for photos and frames, RGB and YUV."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tfds_voc_seg.pictures import legend

_VALUES = 256  # of a colour channel
_LEGEND_WIDTH = 640  # pixels that a legend of scale 1 is made for
_KEPT_STRIPS = 64  # drawn legends; which classes are in a frame seldom changes

Palette = Sequence[tuple[int, int, int]]


class Painter:
    """Lays class maps over pictures: the classes in their colours, the background clear.

    What a channel becomes depends on three numbers alone: the class, the channel and its value. So all answers are
    worked out once, and painting is looking up. Outlines are classes of their own, behind the others.
    """

    def __init__(self, palette: Sequence[Sequence[int]], *, alpha: float = 0.5, contours: bool = False):
        """Works out the table.

        Args:
            palette: a colour for each class id in the pictures' own channels, background first, 0 to 255.
            alpha: how much of a class's colour shows, 0 (none) to 1 (nothing else).
            contours: draw the outlines of what is no background, inside it, in its full colour.

        Raises:
            ValueError: alpha is not a share.
        """
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha is a share from 0 to 1, not {alpha}")
        colours = np.asarray(palette, np.float32).T[:, :, np.newaxis]  # [3, classes, 1]
        values = np.arange(_VALUES, dtype=np.float32)
        blended = (1 - alpha) * values + alpha * colours  # [3, classes, values]
        blended[:, 0] = values  # background
        full = np.broadcast_to(colours, blended.shape)
        self._tables = np.rint(np.concatenate([blended, full], axis=1)).astype(np.uint8).reshape(3, -1)
        self._classes = len(palette)
        self._contours = contours

    def __call__(self, picture: np.ndarray, class_map: np.ndarray) -> np.ndarray:
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
        self.paint([*np.moveaxis(picture, -1, 0)], class_map, [*np.moveaxis(painted, -1, 0)])
        return painted

    def paint(self, planes: Sequence[np.ndarray], class_map: np.ndarray, painted: Sequence[np.ndarray]) -> None:
        """Paints a picture whose channels lie apart.

        Args:
            planes: the three channels, uint8 [height, width], or half of both: then one value stands for four pixels,
                and takes the last of their classes.
            class_map: uint8 [height, width], indices into the palette.
            painted: where the result goes, arrays of the same shapes.

        Raises:
            ValueError: the sizes differ, or a class has no colour.
        """
        height, width = class_map.shape
        if class_map.size and class_map.max() >= self._classes:
            raise ValueError(f"the class map holds {class_map.max()}, but there are {self._classes} colours")
        first = class_map.astype(np.intp)
        if self._contours:
            first[outlines(class_map)] += self._classes
        first *= _VALUES
        entries = {class_map.shape: first}
        for table, plane, out in zip(self._tables, planes, painted, strict=True):
            if plane.shape not in entries:
                if plane.shape != (height // 2, width // 2) or height % 2 or width % 2:
                    raise ValueError(f"planes of {plane.shape} and a class map of {class_map.shape} don't match")
                entries[plane.shape] = _greatest_of_four(first)
            out[...] = table.take(entries[plane.shape] + plane, mode="clip")  # in range, as was checked at once


def _greatest_of_four(values: np.ndarray) -> np.ndarray:
    rows = np.maximum(values[::2], values[1::2])
    return np.maximum(rows[:, ::2], rows[:, 1::2])


def outlines(class_map: np.ndarray) -> np.ndarray:
    """Where outlines go: pixels of a class that touch, by a side, a pixel of another; never background.

    Args:
        class_map: uint8 [height, width].

    Returns:
        bool [height, width].
    """
    found = np.zeros(class_map.shape, bool)
    beside, below = class_map[:, 1:] != class_map[:, :-1], class_map[1:] != class_map[:-1]
    found[:, 1:] |= beside
    found[:, :-1] |= beside
    found[1:] |= below
    found[:-1] |= below
    return found & (class_map != 0)


class FixedLegend:
    """A legend whose size does not change: every class has its place, and those not in the frame are pale."""

    def __init__(
        self,
        class_names: Sequence[str],
        palette: Palette,
        width: int,
        convert: Callable[[np.ndarray], np.ndarray] = np.asarray,
    ):
        """Measures the strip.

        Args:
            class_names: of the class ids, background first.
            palette: their colours, RGB.
            width: of the frames, pixels.
            convert: is given each strip that is drawn, uint8 [height, width, 3], RGB; what it makes of it is kept.
        """
        self._convert = convert
        self._names, self._width = tuple(class_names), width
        self._colours = dict(zip(class_names, palette, strict=True))
        self._scale = max(1.0, width / _LEGEND_WIDTH)
        self._strips: dict[frozenset[str], np.ndarray] = {}
        self.height = self._strip(frozenset()).shape[0]
        """Of a strip, pixels."""

    def __call__(self, class_map: np.ndarray) -> np.ndarray:
        """The strip below a frame with this class map."""
        pixels = np.bincount(class_map.ravel(), minlength=len(self._names))
        seen = frozenset(name for name, count in zip(self._names, pixels, strict=True) if count)
        if seen not in self._strips:
            if len(self._strips) > _KEPT_STRIPS:
                self._strips.clear()
            self._strips[seen] = self._convert(self._strip(seen))
        return self._strips[seen]

    def _strip(self, seen: frozenset[str]) -> np.ndarray:
        return legend(self._names, self._width, colours=self._colours, present=seen, scale=self._scale)
