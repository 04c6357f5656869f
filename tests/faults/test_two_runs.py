"""Two runs in one output folder at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable


@pytest.mark.slow
def test_of_two_runs_one_waits_or_stops_and_the_better_model_is_in_service(
    run_campaign: Callable[..., Counter[str]],
) -> None:
    cases = ("worse,good,4,wait", "good,worse,4,stop", "good,worse,60,wait", "worse,good,60,stop")
    assert run_campaign("two_runs_driver", *cases).total() == len(cases)
