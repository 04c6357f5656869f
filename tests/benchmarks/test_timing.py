from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.measuring.memory import peak_memory_of_process
from benchmarks.measuring.timing import command_seconds, in_turns, paired, time_and_peak

if TYPE_CHECKING:
    from collections.abc import Callable


def test_works_are_measured_in_turns_in_alternating_order() -> None:
    calls: list[str] = []

    def work(name: str) -> Callable[[], float]:
        def measure() -> float:
            calls.append(name)
            return len(calls)

        return measure

    rounds = in_turns(3, work("ours"), work("one"), work("other"))
    assert calls == ["ours", "one", "other", "other", "one", "ours", "ours", "one", "other"]
    assert rounds == [(1, 2, 3), (6, 5, 4), (7, 8, 9)]
    assert paired(rounds) == ((1, 2), (6, 5), (7, 8))
    assert paired(rounds, 2) == ((1, 3), (6, 4), (7, 9))


def test_the_peak_of_a_command_is_its_own() -> None:
    seconds, peak = time_and_peak(sys.executable, "-c", "import time; text = 'x' * 60_000_000; time.sleep(0.3)")
    assert seconds > 0.3
    assert 0.06 < peak < 0.2
    assert peak_memory_of_process() > 0.01


def test_a_command_that_fails_is_no_measurement() -> None:
    for measure in (command_seconds, time_and_peak):
        with pytest.raises(RuntimeError, match=r"ended with status 3: no disk$"):
            measure(sys.executable, "-c", "import sys; print('no disk', file=sys.stderr); sys.exit(3)")
