"""An image in overlapping windows, what comes out of them blended: no seams, and one row of them in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

Probabilities = Callable[[Sequence[np.ndarray]], Iterable[np.ndarray]]
"""Windows, uint8 [height, width, 3] each → of each its probabilities, float32 [height, width, classes]."""

_OVERLAP = 4  # a quarter of a window, at least


def blended(image: np.ndarray, side: int, probabilities_of: Probabilities) -> Iterator[np.ndarray]:
    """Works through an image in windows and gives it from top to bottom.

    Neighbours overlap by a quarter at least. There their weights fall linearly towards the window's edge.

    Args:
        image: uint8 [height, width, 3].
        side: of the windows, pixels; cut to the image's own sides where it is smaller.
        probabilities_of: is given the windows of a row at a time.

    Yields:
        The next rows, float32 [rows, width, classes], until all have come.
    """
    height, width = min(side, image.shape[0]), min(side, image.shape[1])
    tops, lefts = _places(image.shape[0], height), _places(image.shape[1], width)
    down, across = _weights(image.shape[0], height, tops), _weights(image.shape[1], width, lefts)
    rows: np.ndarray | None = None
    for number, top in enumerate(tops):
        windows = probabilities_of([image[top : top + height, left : left + width] for left in lefts])
        for window, left, weight in zip(windows, lefts, across, strict=True):
            if rows is None:
                rows = np.zeros((height, image.shape[1], window.shape[-1]), np.float32)
            rows[:, left : left + width] += window * (down[number][:, np.newaxis] * weight)[..., np.newaxis]
        assert rows is not None  # there is a window at least
        finished = height if number + 1 == len(tops) else tops[number + 1] - top
        yield rows[:finished].copy()
        rows[: -finished or None] = rows[finished:]
        rows[height - finished :] = 0


def _places(length: int, side: int) -> list[int]:
    """Where the windows begin along an axis, evenly spaced, the last at the image's end."""
    step = side - math.ceil(side / _OVERLAP)
    count = math.ceil((length - side) / max(1, step)) + 1
    return np.rint(np.linspace(0, length - side, count)).astype(int).tolist()


def _weights(length: int, side: int, places: Sequence[int]) -> list[np.ndarray]:
    """Each window's weights along an axis, float32 [side]; those of all windows at a pixel add up to 1."""
    distance = np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1))
    ramp = np.minimum(distance, math.ceil(side / _OVERLAP)).astype(np.float64)
    total = np.zeros(length)
    for place in places:
        total[place : place + side] += ramp
    return [(ramp / total[place : place + side]).astype(np.float32) for place in places]
