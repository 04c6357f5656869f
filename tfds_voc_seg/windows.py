"""Overlapping windows that cover an axis, and the weights that blend them; `graph_windows` has them for graphs.

Neighbouring windows overlap by a quarter of a window or more. Within the overlap the weight of a window falls linearly
towards its edge.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OVERLAP_DIVISOR = 4


def window_count(room: Any, side: int) -> Any:
    """Returns the number of windows.

    Args:
        room: how much longer the axis is than a window, an integer or an integer tensor.
        side: length of a window in pixels.
    """
    step = max(1, side - math.ceil(side / _OVERLAP_DIVISOR))
    return (room + step - 1) // step + 1


def window_ramp(side: int) -> NDArray[np.float64]:
    """Returns the weights of a window before those of all windows are made to add up to 1: float64 [side]."""
    distance = np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1))
    return np.minimum(distance, math.ceil(side / _OVERLAP_DIVISOR)).astype(np.float64)


def window_offsets(length: int, side: int) -> list[int]:
    """Returns where the windows begin: evenly spaced, the last one ends at the end of the axis.

    Args:
        length: length of the axis in pixels, at least `side`.
        side: length of a window in pixels.
    """
    count = window_count(length - side, side)
    spacing = (length - side) / max(1, count - 1)
    return [round(number * spacing) for number in range(count)]


def window_weights(length: int, side: int, offsets: list[int]) -> NDArray[np.float32]:
    """Returns the weights of each window along an axis; at every pixel the weights add up to 1.

    Args:
        length: length of the axis in pixels.
        side: length of a window in pixels.
        offsets: where the windows begin.

    Returns:
        float32 [windows, side].
    """
    ramp, total = window_ramp(side), np.zeros(length)
    for offset in offsets:
        total[offset : offset + side] += ramp
    return np.stack([ramp / total[offset : offset + side] for offset in offsets]).astype(np.float32)
