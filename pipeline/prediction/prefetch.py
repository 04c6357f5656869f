"""Computes items in background threads, a bounded number ahead of the code that uses them."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_POLL_SECONDS = 0.1
"""While the buffer is full, the thread checks this often whether it should stop."""


@contextlib.contextmanager
def prefetched(items: Iterable[Item], *, buffer_size: int) -> Iterator[Iterator[Item]]:
    """Iterates over items in a background thread for the duration of a `with` block.

    Args:
        items: usually a generator; it runs only in the background thread and is closed there.
        buffer_size: maximum number of items that wait to be used.

    Yields:
        The same items in the same order. An exception of the iterable is raised here, after the items before it.
    """
    producer = _Producer(items, buffer_size)
    producer.start()
    try:
        yield producer.results()
    finally:
        producer.stop()


def mapped(function: Callable[[Item], Result], items: Iterable[Item], at_once: int) -> Generator[Result]:
    """Calls a function with each item, with several at the same time, in threads.

    Args:
        function: is called with `at_once` items at the same time, while one more waits for it.
        items: as for `prefetched`, but they are fetched by the thread that uses the results.
        at_once: how many.

    Yields:
        The results, in the order of the items. An exception of the function is raised after the results before it.
    """
    with ThreadPoolExecutor(at_once, "mapped") as threads:
        computed: collections.deque[Future[Result]] = collections.deque()
        try:
            for item in items:
                computed.append(threads.submit(function, item))
                if len(computed) > at_once:
                    yield computed.popleft().result()
            while computed:
                yield computed.popleft().result()
        finally:
            for future in computed:
                future.cancel()


@dataclasses.dataclass(frozen=True)
class _End:
    """Follows the last item in the buffer.

    Attributes:
        error: the exception that ended the iteration, if any.
    """

    error: BaseException | None


class _Producer(threading.Thread, Generic[Item]):
    """The background thread."""

    def __init__(self, items: Iterable[Item], buffer_size: int):
        super().__init__(daemon=True)
        self._items = items
        self._buffer: queue.Queue[Item | _End] = queue.Queue(buffer_size)
        self._stopped = threading.Event()

    def run(self) -> None:
        """Puts the items into the buffer until there are no more or `stop` is called."""
        error: BaseException | None = None
        try:
            self._put_all()
        except BaseException as raised:
            error = raised
        self._put(_End(error))

    def results(self) -> Iterator[Item]:
        """Yields the items from the buffer; raises the iterable's exception."""
        while True:
            item = self._buffer.get()
            if not isinstance(item, _End):
                yield item
            elif item.error is not None:
                raise item.error
            else:
                return

    def stop(self) -> None:
        """Stops the thread and waits for its end."""
        self._stopped.set()
        self.join()

    def _put_all(self) -> None:
        try:
            for item in self._items:
                if not self._put(item):
                    break
        finally:
            if isinstance(self._items, Generator):
                self._items.close()

    def _put(self, item: Item | _End) -> bool:
        """Waits for space in the buffer; returns `False` if the thread was stopped meanwhile."""
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._buffer.put(item, timeout=_POLL_SECONDS)
                return True
        return False
