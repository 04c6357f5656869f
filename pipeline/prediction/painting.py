"""Class maps laid over pictures, fast enough for videos: one implementation for photos and frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfds_voc_seg.pictures import legend

_VALUES = 256  # of a colour channel
_LEGEND_WIDTH = 640  # pixels that a legend of scale 1 is made for
_KEPT_STRIPS = 64  # drawn legends; which classes are in a frame seldom changes

Palette = Sequence[tuple[int, int, int]]


class Painter:
    """Lays class maps over pictures: the classes in their colours, the background clear.

    What a channel becomes depends on three numbers alone: the class, the channel and its value. So all answers are
    worked out once, and painting is looking up.
    """

    def __init__(self, palette: Palette, *, alpha: float = 0.5, contours: bool = False):
        """Works out the table.

        Args:
            palette: a colour for each class id, background first, 0 to 255.
            alpha: how much of a class's colour shows, 0 (none) to 1 (nothing else).
            contours: draw the outlines of what is no background, inside it, in its full colour.

        Raises:
            ValueError: alpha is not a share.
        """
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha is a share from 0 to 1, not {alpha}")
        colours = np.asarray(palette, np.float32)  # [classes, 3]
        values = np.arange(_VALUES, dtype=np.float32)
        blended = (1 - alpha) * values + alpha * colours.T[:, :, np.newaxis]  # [3, classes, values]
        blended[:, 0] = values  # background
        self._table = np.rint(blended).astype(np.uint8).reshape(3, -1)
        self._colours = colours.astype(np.uint8)
        self._contours = contours

    def __call__(self, picture: np.ndarray, class_map: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Paints a picture.

        Args:
            picture: uint8 [height, width, 3], RGB.
            class_map: uint8 [height, width], indices into the palette.
            out: where the result goes, of the picture's shape; a new array where left out.

        Returns:
            uint8 [height, width, 3].

        Raises:
            ValueError: the sizes differ, or a class has no colour.
        """
        if picture.shape != (*class_map.shape, 3):
            raise ValueError(f"a picture of shape {picture.shape} and a class map of {class_map.shape} don't match")
        if class_map.size and class_map.max() >= len(self._colours):
            raise ValueError(f"the class map holds {class_map.max()}, but there are {len(self._colours)} colours")
        painted = np.empty_like(picture) if out is None else out
        first_entry = class_map.astype(np.intp)
        first_entry *= _VALUES
        entry = np.empty_like(first_entry)
        for channel, table in enumerate(self._table):
            np.add(first_entry, picture[..., channel], out=entry)
            painted[..., channel] = table.take(entry, mode="clip")  # in range, as was checked at once
        if self._contours:
            where = outlines(class_map)
            painted[where] = self._colours[class_map[where]]
        return painted


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

    def __init__(self, class_names: Sequence[str], palette: Palette, width: int):
        """Measures the strip; `width` is that of the frames, pixels."""
        self._names, self._width = tuple(class_names), width
        self._colours = dict(zip(class_names, palette, strict=True))
        self._scale = max(1.0, width / _LEGEND_WIDTH)
        self._strips: dict[frozenset[str], np.ndarray] = {}
        self.height = self._strip(frozenset()).shape[0]

    def __call__(self, class_map: np.ndarray) -> np.ndarray:
        """The strip below a frame with this class map, uint8 [height, width, 3]."""
        pixels = np.bincount(class_map.ravel(), minlength=len(self._names))
        seen = frozenset(name for name, count in zip(self._names, pixels, strict=True) if count)
        if seen not in self._strips:
            if len(self._strips) > _KEPT_STRIPS:
                self._strips.clear()
            self._strips[seen] = self._strip(seen)
        return self._strips[seen]

    def _strip(self, seen: frozenset[str]) -> np.ndarray:
        return legend(self._names, self._width, colours=self._colours, present=seen, scale=self._scale)
