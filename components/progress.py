"""How a long piece of work says how far it is, without knowing who shows it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping


@dataclasses.dataclass(frozen=True)
class Progress:
    """A piece of work under way.

    Attributes:
        task: what is being done, for people.
        done: how many units are finished.
        total: how many there are.
        values: figures worth showing, e.g. the loss.
    """

    task: str
    done: int
    total: int
    values: Mapping[str, float] = dataclasses.field(default_factory=dict)


_listeners: list[Callable[[Progress], None]] = []


def report(progress: Progress) -> None:
    """Tells every listener in this process; nothing happens where nobody listens."""
    for listener in _listeners:
        listener(progress)


@contextlib.contextmanager
def listening(listener: Callable[[Progress], None]) -> Iterator[None]:
    """Calls `listener` with every progress reported inside the `with` block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
