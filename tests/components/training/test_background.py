"""Writes beside a training."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest

from components.training.background import BackgroundWriter

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 20.0


def fail(text: str) -> None:
    raise OSError(text)


def test_the_writes_run_beside_the_block_and_one_after_the_other() -> None:
    may_end = threading.Event()
    done: list[int] = []

    def first() -> None:
        assert may_end.wait(SECONDS)
        done.append(1)

    with BackgroundWriter() as background:
        background.submit(first)
        assert not done  # the block continues
        threading.Timer(0.05, may_end.set).start()
        background.submit(lambda: done.append(2))  # waits for the first
        assert done[0] == 1
    assert done == [1, 2]


def test_an_error_of_a_write_is_raised_by_the_next_call() -> None:
    with BackgroundWriter() as background:
        background.submit(lambda: fail("disk full"))
        with pytest.raises(OSError, match="disk full"):
            background.submit(lambda: pytest.fail("was started after an error"))
    with pytest.raises(OSError, match="disk full"), BackgroundWriter() as background:
        background.submit(lambda: fail("disk full"))


def test_an_error_of_the_block_wins_and_the_last_write_ends(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []

    def interrupted(write: Callable[[], None]) -> None:
        with BackgroundWriter() as background:
            background.submit(write)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted(lambda: done.append(1))
    assert done == [1]
    with caplog.at_level(logging.ERROR), pytest.raises(KeyboardInterrupt):
        interrupted(lambda: fail("disk full"))
    assert "disk full" in caplog.text
