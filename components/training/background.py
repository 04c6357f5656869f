"""Writes files beside the training, in one thread."""

from __future__ import annotations

import concurrent.futures
import logging
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class BackgroundWriter:
    """Runs one write at a time in a thread; at the end of the `with` block no write is running any more.

    An error of a write is raised by the next call, at the latest at the end of the block. If the block itself ends with
    an error, the last write still ends, and its own error is only logged.
    """

    def __init__(self) -> None:
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._running: concurrent.futures.Future[None] | None = None

    def submit(self, write: Callable[[], None]) -> None:
        """Waits for the write before, then starts the next one."""
        self._wait()
        self._running = self._thread.submit(write)

    def _wait(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.result()

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits for the last write."""
        try:
            self._wait()
        except Exception:
            if error is None:
                raise
            logging.exception("The state of the training could not be written")
        finally:
            self._thread.shutdown()
