"""Damages one file of a finished run, and runs the same command again.

`python -m tests.faults.damage_driver FOLDER SEED COUNT` damages COUNT files in each way, and prints JSON: the number of
damaged files by kind, and the violations. The database is left out, see `test_repair.py`.
"""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from components.saved_model.model_digest import model_digest
from tests.faults import run_checks
from tests.faults.campaign import Result, run_child
from tests.faults.damages import DAMAGES
from tests.faults.disk_faults import NEVER
from tests.faults.run_states import Runs

if TYPE_CHECKING:
    from collections.abc import Iterator


def _files(output: Path) -> list[Path]:
    """Lists the files whose damage matters, in an order that is the same in each run."""
    files = [path for folder in ("tfx", "serving") for path in (output / folder).rglob("*") if path.is_file()]
    return sorted(path for path in files if not path.name.startswith(".") and ".system" not in path.parts)


def _problems(runs: Runs, damaged: Path) -> Iterator[str]:
    """Runs the same command; yields what is wrong afterwards."""
    ended = run_child(runs.output, partial(runs.run, "worse"), "kill", NEVER)
    place = next((path for path in damaged.parents if path.name.isdecimal()), damaged)
    if ended.status:
        if str(place) not in ended.printed.replace("\n", ""):
            yield f"the message does not name the file: {ended.printed[-600:]}"
        return
    # Of a version that lacks its graph, a run cannot know that it was complete; it publishes a higher one.
    tolerated = f"version {place.name} has no saved_model.pb"
    yield from (problem for problem in runs.finished("worse", None) if problem != tolerated)
    in_service = run_checks.published_versions(runs.output)[-1]
    if model_digest(in_service) not in runs.tested:
        yield f"{in_service} has not passed the smoke test"


def main(folder: Path, seed: int, count: int) -> None:
    """Damages files."""
    sys.path.insert(0, str(folder))
    runs, chance, result = Runs(folder), random.Random(seed), Result()
    for name, damage in DAMAGES.items():
        for _ in range(count):
            runs.start("settled")
            file = chance.choice(_files(runs.output))
            damage(file, chance)
            problems = [f"{name} {file.relative_to(runs.output)}: {problem}" for problem in _problems(runs, file)]
            result.faults[f"damage, {name}"] = result.faults.get(f"damage, {name}", 0) + 1
            result.violations += problems
            print(name, file, *problems, file=sys.stderr)  # noqa: T201
            shutil.rmtree(runs.output)
    print(json.dumps(dataclasses.asdict(result)))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
