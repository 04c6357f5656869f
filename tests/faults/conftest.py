"""Counts the injected faults of all tests in this folder, and prints the sum at the end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FAULTS, _SEED = "faults", "seed"


@pytest.fixture
def record_faults(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Records the number of faults by kind, and the seed that chose them, for the summary at the end."""

    def record(faults: Mapping[str, int], seed: int | None = None) -> None:
        record_property(_FAULTS, dict(faults))
        if seed is not None:
            record_property(_SEED, seed)

    return record


def pytest_terminal_summary(terminalreporter: Any) -> None:
    faults: Counter[str] = Counter()
    seeds = []
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if getattr(report, "when", "") == "call":
            for name, value in report.user_properties:
                if name == _FAULTS:
                    faults.update(value)
                elif name == _SEED:
                    seeds.append(f"{report.nodeid.rpartition('::')[2]}: {value}")
    if faults:
        kinds = ", ".join(f"{kind} {count}" for kind, count in faults.most_common())
        terminalreporter.write_line(f"{faults.total()} injected faults: {kinds}")
    for seed in seeds:
        terminalreporter.write_line(f"seed of {seed}")
