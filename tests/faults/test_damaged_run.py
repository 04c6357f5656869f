"""A finished run one of whose files is damaged, and the same command again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.damages import DAMAGES

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable


@pytest.mark.slow
def test_a_damaged_file_leads_to_a_new_execution_or_an_error(run_campaign: Callable[..., Counter[str]]) -> None:
    """Whether every damage is found is tested in `test_findings.py`; here, what a run then does."""
    assert run_campaign("damage_driver", "1").total() == len(DAMAGES)
