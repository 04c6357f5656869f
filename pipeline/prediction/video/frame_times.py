"""Which frames are shown, and when. Pure functions of times; what a frame is does not matter here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

Frame = TypeVar("Frame")


def thinned(frames: Iterable[tuple[Fraction, Frame]], skip: int) -> Iterator[tuple[Fraction, Frame]]:
    """Leaves out `skip` frames after each one used, by their order."""
    for index, timed in enumerate(frames):
        if index % (skip + 1) == 0:
            yield timed


def shown_frames(
    frames: Iterable[tuple[Fraction, Frame]], fps: Fraction | None, *, last_duration: Fraction
) -> Iterator[tuple[Frame, tuple[Fraction, ...]]]:
    """Says when each frame is shown; frames that are not are left out.

    Args:
        frames: seconds since the beginning, and the frame. A time that is not after the one before is left out.
        fps: frames a second: at each k / fps the latest frame up to then is shown. `None` keeps the frames' own times.
        last_duration: how long the last frame lasts, seconds.

    Yields:
        The frame, and the times at which it is shown, increasing.
    """
    previous: tuple[Fraction, Frame] | None = None
    latest = Fraction(-1)
    for time, frame in frames:
        if time <= latest:
            continue
        latest = time
        if previous is None:
            previous = Fraction(0), frame  # the first one is shown from the beginning
            continue
        if times := _times(previous[0], time, fps):
            yield previous[1], times
        previous = time, frame
    if previous is not None and (times := _times(previous[0], previous[0] + last_duration, fps)):
        yield previous[1], times


def _times(begin: Fraction, end: Fraction, fps: Fraction | None) -> tuple[Fraction, ...]:
    """The instants in [begin, end) at which a frame is shown."""
    if fps is None:
        return (begin,)
    return tuple(step / fps for step in range(math.ceil(begin * fps), math.ceil(end * fps)))
