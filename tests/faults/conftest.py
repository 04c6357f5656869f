"""Runs campaigns of faults, counts the faults of all tests in this folder, and prints the sums at the end."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.disk_faults import compile_library, run_module

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_FAULTS, _SEED = "faults", "seed"


@pytest.fixture
def record_faults(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Records the number of faults by kind, and the seed that chose them, for the summary at the end."""

    def record(faults: Mapping[str, int], seed: int | None = None) -> None:
        record_property(_FAULTS, dict(faults))
        if seed is not None:
            record_property(_SEED, seed)

    return record


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_library(tmp_path_factory.mktemp("disk_faults"))


@pytest.fixture
def run_campaign(library: Path, tmp_path: Path, record_faults: Callable[..., None]) -> Callable[..., Counter[str]]:
    """Runs a campaign, checks that it found nothing, and returns the number of faults by kind."""

    def run(module: str, *arguments: str) -> Counter[str]:
        seed = random.randrange(10_000)
        answer = run_module(f"tests.faults.{module}", str(tmp_path), str(seed), *arguments, library=library)
        result: dict[str, Any] = json.loads(answer)
        faults: Counter[str] = Counter()
        for name, count in result["faults"].items():
            faults[name.rpartition(", ")[2]] += count
        record_faults(faults, seed)
        print(f"seed {seed}: {result['faults']}")  # noqa: T201
        assert result["violations"] == []
        return faults

    return run


def pytest_terminal_summary(terminalreporter: Any) -> None:
    faults: Counter[str] = Counter()
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        found = dict(report.user_properties) if getattr(report, "when", "") == "call" else {}
        if _FAULTS in found:
            faults.update(found[_FAULTS])
            seed = f", seed {found[_SEED]}" if _SEED in found else ""
            test = report.nodeid.rpartition("::")[2]
            terminalreporter.write_line(f"{test}{seed}: {_describe(Counter(found[_FAULTS]))}")
    if faults:
        terminalreporter.write_line(f"all: {_describe(faults)}")


def _describe(faults: Counter[str]) -> str:
    kinds = ", ".join(f"{kind} {count}" for kind, count in faults.most_common())
    return f"{faults.total()} injected faults: {kinds}"
