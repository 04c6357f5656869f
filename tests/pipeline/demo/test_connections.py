from __future__ import annotations

import dataclasses
from typing import Any, cast

from pipeline.demo.connections import Connections
from pipeline.demo.limits import MEBIBYTE, Limits

LIMITS = Limits(MEBIBYTE, 256 * MEBIBYTE, header_seconds=5, read_seconds=20, connections=3, answers_bytes=10 * MEBIBYTE)


@dataclasses.dataclass(eq=False)
class Connection:
    """A connection with given times."""

    since: float = 0
    idle: bool = True
    unread_bytes: int = 0
    unread: float = 0
    idle_for: float = 0
    open: bool = True

    def unread_seconds(self) -> float:
        return self.unread

    def idle_seconds(self) -> float:
        return self.idle_for

    def abort(self) -> None:
        self.open = False


def opened(*connections: Connection) -> Connections:
    all_connections = Connections(LIMITS)
    for connection in connections:
        all_connections.add(cast("Any", connection))
    return all_connections


def test_the_connection_that_is_idle_for_longest_makes_room() -> None:
    busy, old, new, newest = Connection(0, idle=False), Connection(1), Connection(2), Connection(3)
    opened(busy, old, new, newest)
    assert [each.open for each in (busy, old, new, newest)] == [True, False, True, True]


def test_a_connection_is_closed_if_no_other_is_idle() -> None:
    busy = [Connection(0, idle=False) for _ in range(3)]
    late = Connection(9)
    opened(*busy, late)
    assert [each.open for each in (*busy, late)] == [True, True, True, False]


def test_idle_and_unread_connections_are_closed_after_their_time() -> None:
    answered = Connection(idle=False, idle_for=99)
    stalled = Connection(idle_for=5.1)
    opened(answered, stalled).sweep()
    assert (answered.open, stalled.open) == (True, False)
    reading, unread = Connection(unread_bytes=1, unread=19, idle_for=99), Connection(unread_bytes=1, unread=21)
    opened(reading, unread).sweep()
    assert (reading.open, unread.open) == (True, False)


def test_the_oldest_unread_answers_make_room_for_others() -> None:
    answers = [Connection(unread_bytes=4 * MEBIBYTE, unread=age) for age in (1, 9, 5)]
    opened(*answers).sweep()
    assert [each.open for each in answers] == [True, False, True]
