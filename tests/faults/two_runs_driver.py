"""Two `vocseg run` in one output folder: the second one starts some seconds after the first.

`python -m tests.faults.two_runs_driver FOLDER SEED FIRST,SECOND,SECONDS,wait|stop…` runs two networks per case. The
seed chooses the offset between their starts, at most SECONDS. It prints JSON: the number of cases, and the violations.
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.faults import run_checks
from tests.faults.campaign import Ended, Result, run_child
from tests.faults.disk_faults import NEVER
from tests.faults.observer import observed
from tests.faults.run_states import Runs

if TYPE_CHECKING:
    from collections.abc import Iterator


class Case(NamedTuple):
    """Two runs.

    Attributes:
        first: the network of the first run.
        second: the network of the second run.
        offset: the seconds between their starts.
        wait: whether the second run waits for the first one.
    """

    first: str
    second: str
    offset: float
    wait: bool

    @classmethod
    def parse(cls, text: str, chance: random.Random) -> Case:
        """Reads an argument of the command line."""
        first, second, longest, wait = text.split(",")
        return cls(first, second, round(chance.uniform(0, float(longest)), 1), wait == "wait")


def _run_both(runs: Runs, case: Case) -> Iterator[Ended]:
    """Runs two networks at once; yields how they ended."""
    other = runs.output.with_name("other")  # its folder is not an output folder: only its files are used
    other.mkdir(exist_ok=True)
    first = os.fork()
    if first == 0:
        ended = run_child(other / "output", partial(runs.run, case.first, "--wait"), "kill", NEVER)
        os._exit(ended.status)
    time.sleep(case.offset)
    yield run_child(runs.output, partial(runs.run, case.second, *["--wait"] * case.wait), "kill", NEVER)
    _, status = os.waitpid(first, 0)
    yield Ended(os.waitstatus_to_exitcode(status), (other / "printed.txt").read_text(), [])


def _problems(runs: Runs, case: Case) -> Iterator[str]:
    runs.start("empty")
    second, first = _run_both(runs, case)
    if first.status:
        yield f"the first run failed: {first.printed[-500:]}"
    if case.wait and second.status:
        yield f"the second run failed: {second.printed[-500:]}"
    if second.status and "is in use by `vocseg run`, process " not in second.printed:
        yield f"the second run has no message: {second.printed[-500:]}"
    if second.status:
        second = run_child(runs.output, partial(runs.run, case.second), "kill", NEVER)
    served = [run_checks.network_of(version) for version in run_checks.published_versions(runs.output)]
    if served not in (["bar_nets:good"], ["bar_nets:worse", "bar_nets:good"]):
        yield f"in service are {served}"
    yield from run_checks.always_true(runs.output)
    runs.note_models()
    shutil.rmtree(runs.output.rename(runs.output.with_name("gone")))


def main(folder: Path, seed: int, texts: list[str]) -> None:
    """Runs the cases, while an observer looks at the publishing folder."""
    sys.path.insert(0, str(folder))
    runs, report, result, chance = Runs(folder), folder / "observed.txt", Result(), random.Random(seed)
    with observed(runs.output / "serving", report):
        for case in (Case.parse(text, chance) for text in texts):
            key = f"{case.offset:g} s, two runs"
            result.faults[key] = result.faults.get(key, 0) + 1
            result.violations += [f"{case}: {problem}" for problem in _problems(runs, case)]
            print(case, file=sys.stderr)  # noqa: T201
    result.violations += runs.wrongly_served(report)
    print(json.dumps(dataclasses.asdict(result)))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
