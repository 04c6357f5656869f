"""Selects the frames that are shown and computes when: pure functions of times, for frames of any type."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Frame = TypeVar("Frame")


def without_skipped(frames: Iterable[tuple[Fraction, Frame]], skip: int) -> Iterator[tuple[Fraction, Frame]]:
    """Yields a frame, discards the next `skip` frames, and so on."""
    for index, timed in enumerate(frames):
        if index % (skip + 1) == 0:
            yield timed


def shown_frames(
    frames: Iterable[tuple[Fraction, Frame]], fps: Fraction | None, *, last_duration: Fraction
) -> Iterator[tuple[Frame, tuple[Fraction, ...]]]:
    """Yields the frames that are shown, each with the times at which it is shown, in increasing order.

    Args:
        frames: time in seconds since the beginning, and the frame. A frame whose time is not later than that of the
            frame before it is discarded.
        fps: frames per second: at each time k / fps the latest frame up to then is shown. `None` keeps the frames' own
            times.
        last_duration: how long the last frame is shown, seconds.
    """
    previous: tuple[Fraction, Frame] | None = None
    latest = Fraction(-1)
    for time, frame in frames:
        if time <= latest:
            continue
        latest = time
        if previous is None:
            previous = Fraction(0), frame  # the first frame is shown from the beginning
            continue
        if times := _times(previous[0], time, fps):
            yield previous[1], times
        previous = time, frame
    if previous is not None and (times := _times(previous[0], previous[0] + last_duration, fps)):
        yield previous[1], times


def _times(begin: Fraction, end: Fraction, fps: Fraction | None) -> tuple[Fraction, ...]:
    """Returns the times in [begin, end) at which a frame is shown."""
    if fps is None:
        return (begin,)
    return tuple(step / fps for step in range(math.ceil(begin * fps), math.ceil(end * fps)))
