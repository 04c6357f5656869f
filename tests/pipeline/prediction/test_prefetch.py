"""`prefetched` computes a bounded number of items ahead, and raises the iterable's exceptions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pipeline.prediction.prefetch import prefetched

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
