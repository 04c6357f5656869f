"""`prefetched` and `mapped` compute a bounded number of items ahead, and raise the exceptions of their work."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from pipeline.prediction.prefetch import mapped, prefetched

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_the_number_of_items_computed_ahead_is_bounded() -> None:
    computed: list[int] = []

    def items() -> Iterator[int]:
        for index in range(100):
            computed.append(index)
            yield index

    with prefetched(items(), buffer_size=2) as results:
        assert next(results) == 0
        time.sleep(0.3)
        assert len(computed) <= 5
    assert len(computed) <= 6


def test_an_exception_is_raised_after_the_items_before_it() -> None:
    with prefetched((1 // (2 - index) for index in range(5)), buffer_size=1) as results:
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ZeroDivisionError):
            next(results)


def test_mapped_calls_several_at_the_same_time_and_keeps_the_order() -> None:
    together = threading.Barrier(3)

    def squared(number: int) -> int:
        together.wait(30)  # breaks unless three calls are made at the same time
        return number**2

    assert [*mapped(squared, range(6), 3)] == [0, 1, 4, 9, 16, 25]


def test_mapped_is_a_bounded_number_of_items_ahead() -> None:
    fetched: list[int] = []

    def items() -> Iterator[int]:
        for index in range(100):
            fetched.append(index)
            yield index

    results = mapped(str, items(), 2)
    assert next(results) == "0"
    assert len(fetched) == 3
    results.close()
    assert len(fetched) == 3


def test_an_exception_of_the_function_is_raised_after_the_results_before_it() -> None:
    results = mapped(lambda number: 1 // (2 - number), range(5), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
