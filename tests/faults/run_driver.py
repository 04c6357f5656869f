"""Whole runs with faults. This process imports TensorFlow and TFX once, and forks a child process per fault.

`python -m tests.faults.run_driver FOLDER SEED SCENARIO=KINDS…` injects one fault of each of KINDS kinds, which the seed
chooses, into each scenario, and prints JSON: the number of faults by scenario and kind, and the violations.
"""

from __future__ import annotations

import dataclasses
import json
import random
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults import run_checks
from tests.faults.campaign import Result, Scenario, run_scenario
from tests.faults.disk_faults import KINDS
from tests.faults.observer import observed
from tests.faults.run_states import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def _scenario(runs: Runs, name: str, kinds: tuple[str, ...]) -> Scenario:
    """Makes a scenario and the state that it starts from."""
    scenarios: dict[str, tuple[str, Callable[[], int], Callable[[], Iterable[str]]]] = {
        "first run": ("empty", partial(runs.run, "worse"), partial(runs.finished, "worse", 1)),
        "better model": ("finished", partial(runs.run, "good"), partial(runs.finished, "good", 2)),
        "cached run": ("unpublished", partial(runs.run, "worse"), partial(runs.finished, "worse", 1)),
    }
    state, command, unfinished = scenarios[name]
    runs.start(state)
    problems = partial(run_checks.always_true, runs.output)
    return Scenario(name, runs.output, command, problems, unfinished, command, kinds)


def main(folder: Path, seed: int, counts: dict[str, int]) -> None:
    """Injects faults into the scenarios, while an observer looks at the publishing folder."""
    sys.path.insert(0, str(folder))
    result, chance, report = Result(), random.Random(seed), folder / "observed.txt"
    runs = Runs(folder)
    with observed(runs.output / "serving", report):
        for name, count in counts.items():
            kinds = tuple(chance.sample(sorted(KINDS), count))
            run_scenario(_scenario(runs, name, kinds), 1, chance, result)
    result.violations += runs.wrongly_served(report)
    print(json.dumps(dataclasses.asdict(result)))  # noqa: T201


if __name__ == "__main__":
    pairs = (text.rpartition("=") for text in sys.argv[3:])
    main(Path(sys.argv[1]), int(sys.argv[2]), {name: int(count) for name, _, count in pairs})
