"""Runs work in threads, within a number and a budget of bytes that all clients share; cheap work runs first.

A thread cannot be stopped: work whose client has gone keeps its share of the budget until it ends. The threads are
daemons, so that the process can end while they run.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.demo.limits import Limits

_RESERVED_PART = 8
"""One part of this many is reserved for cheap work, which needs at most that much."""


class TooExpensiveError(Exception):
    """Work needs more bytes than the budget has."""


class BusyError(Exception):
    """Work was turned away because too much other work waits, or because it waited for too long."""


class _Job:
    def __init__(self, cost: int, number: int, work: Callable[[], Any]):
        self.cost, self.number, self.work = cost, number, work
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    @property
    def order(self) -> tuple[int, int]:
        """The position in the queue: cheap work first, then early work."""
        return self.cost, self.number


class Workers:
    """The threads and what waits for them. All methods are for the event loop's thread."""

    def __init__(self, limits: Limits, waiting: int):
        """Creates the threads when there is work.

        Args:
            limits: the number of threads, the budget and the time.
            waiting: how much work may wait; above it, the most expensive is turned away.
        """
        self._limits, self._places = limits, waiting
        self._numbers = itertools.count()
        self._waiting: list[_Job] = []
        self._running: list[_Job] = []

    async def run(self, cost: int, work: Callable[[], Any]) -> Any:
        """Runs a function in a thread and returns its result.

        Args:
            cost: the memory that the function needs at most, bytes.
            work: the function.

        Raises:
            TooExpensiveError: the cost is above the budget.
            BusyError: there is no room for the work, or it did not end within the time of an answer.
        """
        if cost > self._limits.segmenting_bytes - self._reserve:
            raise TooExpensiveError
        job = _Job(cost, next(self._numbers), work)
        self._waiting.append(job)
        self._start_jobs()
        if len(self._waiting) > self._places:
            costliest = max(self._waiting, key=lambda waiting: waiting.order)
            self._waiting.remove(costliest)
            costliest.result.set_exception(BusyError())
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                return await job.result
        except TimeoutError as error:
            raise BusyError from error
        finally:
            if job in self._waiting:  # the client has gone, or has waited for too long
                self._waiting.remove(job)

    @property
    def _reserve(self) -> int:
        return self._limits.segmenting_bytes // _RESERVED_PART

    def _start_jobs(self) -> None:
        while self._waiting and self._may_start(job := min(self._waiting, key=lambda waiting: waiting.order)):
            self._waiting.remove(job)
            self._running.append(job)
            threading.Thread(target=self._work, args=(job, asyncio.get_running_loop()), daemon=True).start()

    def _may_start(self, job: _Job) -> bool:
        """Returns whether there is room for a job; all but one of the threads, at least, are for cheap work."""
        if len(self._running) >= self._limits.running:
            return False
        if job.cost > self._reserve and any(running.cost > self._reserve for running in self._running):
            return False
        return sum(running.cost for running in self._running) + job.cost <= self._limits.segmenting_bytes

    def _work(self, job: _Job, loop: asyncio.AbstractEventLoop) -> None:
        result, error = None, None
        try:
            result = job.work()
        except Exception as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the server has stopped: nobody waits for the result
            loop.call_soon_threadsafe(self._finish, job, result, error)

    def _finish(self, job: _Job, result: Any, error: Exception | None) -> None:
        self._running.remove(job)
        if not job.result.done():
            if error is None:
                job.result.set_result(result)
            else:
                job.result.set_exception(error)
        self._start_jobs()
