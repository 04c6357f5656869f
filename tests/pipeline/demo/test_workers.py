from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.demo.limits import MEBIBYTE, Limits
from pipeline.demo.workers import BusyError, TooExpensiveError, Workers

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = Limits(MEBIBYTE, 256 * MEBIBYTE, waiting=40, running=3)
BUDGET = LIMITS.segmenting_bytes
SMALL, LARGE = BUDGET // 100, BUDGET // 2


def blocked_until(event: threading.Event) -> Callable[[], Any]:
    return functools.partial(event.wait, 10)


@settings(max_examples=30)
@given(st.lists(st.integers(0, BUDGET * 7 // 8), max_size=30))
def test_the_budget_and_the_number_are_never_exceeded(costs: list[int]) -> None:
    lock, costs_now, highest, most = threading.Lock(), [0], [0], [0]

    def work(cost: int) -> int:
        with lock:
            costs_now.append(cost)
            highest[0], most[0] = max(highest[0], sum(costs_now)), max(most[0], len(costs_now) - 1)
        with lock:
            costs_now.remove(cost)
        return cost

    async def run_all() -> Any:
        workers = Workers(LIMITS, LIMITS.waiting)
        return await asyncio.gather(*(workers.run(cost, functools.partial(work, cost)) for cost in costs))

    assert asyncio.run(run_all()) == costs
    assert highest[0] <= BUDGET
    assert most[0] <= LIMITS.running


def test_cheap_work_passes_expensive_work() -> None:
    async def scenario() -> list[str]:
        workers, ended, hold = Workers(LIMITS, LIMITS.waiting), [], threading.Event()

        async def run(name: str, cost: int, work: Callable[[], Any]) -> None:
            await workers.run(cost, work)
            ended.append(name)

        tasks = [asyncio.create_task(run("large 1", LARGE, blocked_until(hold)))]
        tasks += [asyncio.create_task(run(f"large {number}", LARGE // 2, lambda: None)) for number in (2, 3)]
        await asyncio.create_task(run("small", SMALL, lambda: None))
        hold.set()
        await asyncio.gather(*tasks)
        return ended

    assert asyncio.run(scenario()) == ["small", "large 1", "large 2", "large 3"]


def test_work_above_the_budget_is_refused_and_the_costliest_waiting_work_is_turned_away() -> None:
    limits = Limits(MEBIBYTE, 256 * MEBIBYTE, waiting=2, running=1)

    async def scenario() -> Any:
        workers, hold = Workers(limits, limits.waiting), threading.Event()
        first = asyncio.create_task(workers.run(SMALL, blocked_until(hold)))
        await asyncio.sleep(0)
        others = [asyncio.create_task(workers.run(SMALL * factor, lambda: None)) for factor in (3, 9, 2)]
        with pytest.raises(BusyError):
            await others[1]
        hold.set()
        with pytest.raises(TooExpensiveError):
            await workers.run(limits.segmenting_bytes, lambda: None)
        return await asyncio.gather(first, others[0], others[2])

    assert asyncio.run(scenario()) == [True, None, None]


def test_work_that_takes_too_long_keeps_its_place_until_it_ends() -> None:
    limits = Limits(MEBIBYTE, 256 * MEBIBYTE, answer_seconds=0.05, running=1)

    async def scenario() -> Any:
        workers, hold = Workers(limits, limits.waiting), threading.Event()
        with pytest.raises(BusyError):
            await workers.run(SMALL, blocked_until(hold))
        with pytest.raises(BusyError):  # nothing starts while the thread runs
            await workers.run(SMALL, lambda: pytest.fail("started"))
        hold.set()
        for _ in range(100):
            with contextlib.suppress(BusyError):
                return await workers.run(SMALL, lambda: 7)
        return None

    assert asyncio.run(scenario()) == 7


def test_an_error_of_the_work_reaches_the_caller() -> None:
    async def scenario() -> None:
        with pytest.raises(ZeroDivisionError):
            await Workers(LIMITS, LIMITS.waiting).run(SMALL, lambda: 1 // 0)

    asyncio.run(scenario())
