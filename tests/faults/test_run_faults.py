"""Whole runs with a fault at one of their file operations, and the same command again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    Campaign = Callable[..., Counter[str]]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("scenario", "count"), [("first run", 2), ("better model", 2), ("cached run", 4)])
def test_faults_in_a_whole_run_lose_nothing(run_campaign: Campaign, scenario: str, count: int) -> None:
    """Each run of the test chooses other kinds and operations; all of them would take hours."""
    assert run_campaign("run_driver", f"{scenario}={count}").total() == count
