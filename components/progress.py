"""Progress reports of long tasks, independent of how they are displayed."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclasses.dataclass(frozen=True)
class Progress:
    """The progress of a task.

    Attributes:
        task: the task, as it is displayed.
        done: the number of finished units.
        total: the number of units.
        values: numbers to display, e.g. the loss.
    """

    task: str
    done: int
    total: int
    values: Mapping[str, float] = dataclasses.field(default_factory=dict)


_listeners: list[Callable[[Progress], None]] = []


def report(progress: Progress) -> None:
    """Passes a progress report to every listener in this process."""
    for listener in _listeners:
        listener(progress)


@contextlib.contextmanager
def listening(listener: Callable[[Progress], None]) -> Iterator[None]:
    """Calls `listener` with every progress report inside the `with` block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
