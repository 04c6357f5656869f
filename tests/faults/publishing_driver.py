"""Publishes, prunes, rolls back and restores versions with faults; no TensorFlow.

`python -m tests.faults.publishing_driver FOLDER SEED COUNT` injects COUNT faults of each kind into each command, 0 for
all, and prints JSON: the number of faults by command and kind, and the violations.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import random
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from components.model_pusher.publishing import Condition, publish
from components.saved_model.model_digest import model_digest
from components.saved_model.serving_folder import latest_version, versions
from pipeline.cli import main as vocseg
from tests.components.model_pusher.version_folders import FILES, write_model
from tests.faults.campaign import Result, Scenario, run_scenario
from tests.faults.disk_faults import NEVER, arm
from tests.faults.observer import observed, read_report

if TYPE_CHECKING:
    from collections.abc import Iterator


class PublishingFolder:
    """An output folder whose publishing folder holds versions of models with known content.

    Attributes:
        output: the output folder.
        models: letter → the folder of the model.
        letters: digest of the model → its letter.
    """

    def __init__(self, folder: Path):
        self.output = folder / "output"
        self.models = {letter: write_model(folder / letter, letter) for letter in "abc"}
        self.letters = {model_digest(model): letter for letter, model in self.models.items()}
        self.serving = self.output / "serving"

    def prepare(self, letters: str) -> list[str]:
        """Publishes models; returns their versions."""
        return [publish(self.models[letter], self.serving).name for letter in letters]

    def publish_c(self, compared_with: str, keep: int | None) -> int:
        """Publishes model c, which was compared with another one; nothing happens if it is in service already."""
        if self.in_service() != "c":
            digests = {letter: digest for digest, letter in self.letters.items()}
            condition = Condition(digests["c"], digests[compared_with])
            publish(self.models["c"], self.serving, keep_versions=keep, condition=condition)
        return 0

    def roll_back(self, to: str | None) -> int:
        """Runs `vocseg rollback`."""
        return vocseg(["rollback", str(self.output), *(["--to", to] if to else [])])

    def in_service(self) -> str:
        """Returns the letter of the model in service."""
        latest = latest_version(self.serving)
        return self.letters.get(model_digest(latest), "unknown") if latest else ""

    def problems(self, allowed: str) -> Iterator[str]:
        """Yields what is wrong: a version that is not whole, or a model in service that is not allowed."""
        for version in (path for path in self.serving.iterdir() if path.name.isdecimal()):
            missing = [name for name in FILES if not (version / name).exists()]
            if missing or model_digest(version) not in self.letters:
                yield f"version {version.name} is not whole: {missing or 'unknown content'}"
        if self.in_service() not in allowed:
            yield f"model {self.in_service() or 'none'} is in service, not one of {allowed}"

    def leftovers(self, allowed: str, count: int) -> Iterator[str]:
        """Yields what is wrong after a command has succeeded: also too many versions."""
        yield from self.problems(allowed)
        if len(versions(self.serving)) != count:
            yield f"{len(versions(self.serving))} versions are in service, not {count}"


def _scenarios(folder: PublishingFolder) -> Iterator[Scenario]:
    """Yields the scenarios; each one's state must be used before the next one is made."""
    served = folder.prepare("ab")
    problems, unfinished = folder.problems, folder.leftovers
    push = partial(folder.publish_c, "b", None)
    yield Scenario("push", folder.output, push, partial(problems, "bc"), partial(unfinished, "c", 3), push)
    folder.prepare("ab")
    prune = partial(folder.publish_c, "b", 1)
    yield Scenario("push and prune", folder.output, prune, partial(problems, "bc"), partial(problems, "c"), prune)
    served = folder.prepare("abc")
    back, target = partial(folder.roll_back, None), partial(folder.roll_back, served[1])
    yield Scenario("rollback", folder.output, back, partial(problems, "bc"), partial(unfinished, "b", 2), target)
    served = folder.prepare("abc")
    far = partial(folder.roll_back, served[0])
    yield Scenario("rollback by two", folder.output, far, partial(problems, "ac"), partial(unfinished, "a", 1), far)
    served = folder.prepare("abc")
    with contextlib.redirect_stdout(io.StringIO()):
        folder.roll_back(served[0])
    undo = partial(folder.roll_back, served[1])
    yield Scenario("undo a rollback", folder.output, undo, partial(problems, "ab"), partial(unfinished, "b", 2), undo)


def main(folder: Path, seed: int, count: int) -> None:
    """Injects faults into every scenario, while an observer looks at the publishing folder."""
    result, chance = Result(), random.Random(seed)
    arm(folder, NEVER, "kill", folder / "report.txt")  # so that this process does not wait for the disk
    publishing, report = PublishingFolder(folder), folder / "observed.txt"
    with observed(publishing.serving, report):
        for scenario in _scenarios(publishing):
            run_scenario(scenario, count, chance, result)
    for seen in read_report(report):
        if seen.get("digest") not in publishing.letters:
            result.violations.append(
                f"an observer saw version {seen['version']}: {seen.get('problem', 'unknown content')}"
            )
    print(json.dumps(dataclasses.asdict(result)))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
