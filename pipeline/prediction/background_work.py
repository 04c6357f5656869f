"""Work that goes on in a thread beside whoever uses its results, never more than a little ahead."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")

_END = object()
_LOOK_UP_SECONDS = 0.1  # how long a full queue keeps a thread from noticing that nobody wants more


@contextlib.contextmanager
def in_background(items: Iterable[Item], *, ahead: int) -> Iterator[Iterator[Item]]:
    """Takes items out of an iterable in a thread, inside a `with` block.

    Args:
        items: a generator, say; it runs in the thread alone, and is closed there.
        ahead: how many items may wait for their user, at most.

    Yields:
        The same items in the same order. What the iterable raises is raised here, after the items before it.
    """
    waiting: queue.Queue[Any] = queue.Queue(ahead)
    stopped = threading.Event()

    def put(item: Any) -> bool:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                waiting.put(item, timeout=_LOOK_UP_SECONDS)
                return True
        return False

    def work() -> None:
        outcome: Any = (_END, None)
        try:
            for item in items:
                if not put((None, item)):
                    break
        except BaseException as error:
            outcome = (_END, error)
        finally:
            if isinstance(items, Generator):
                items.close()
        put(outcome)

    def results() -> Iterator[Item]:
        while True:
            mark, value = waiting.get()
            if mark is not _END:
                yield value
            elif value is not None:
                raise value
            else:
                return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield results()
    finally:
        stopped.set()
        thread.join()
