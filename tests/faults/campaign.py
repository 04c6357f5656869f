"""Runs a command in child processes, each with one fault; afterwards the same command without a fault."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import re
import shutil
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.terminal import EXIT_FAILED, error_message, fail
from tests.faults.disk_faults import KINDS, NEVER, REPORT_ALL, arm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_SUCCESS, _FAILED, _UNEXPECTED = 0, 1, 70
_CHILD_SECONDS = 900


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A command and the state that it starts from.

    Attributes:
        name: its name.
        work: the folder with the state before the command; faults occur at file operations below it.
        command: runs in a child process and returns its exit status; an `OSError` means that it failed.
        problems: yields what is wrong with the folder after the command was interrupted or failed.
        unfinished: yields what is missing or wrong after the command has succeeded.
        again: the same command again, or the one that completes it.
        kinds: the kinds of faults.
    """

    name: str
    work: Path
    command: Callable[[], int]
    problems: Callable[[], Iterable[str]]
    unfinished: Callable[[], Iterable[str]]
    again: Callable[[], int]
    kinds: tuple[str, ...] = tuple(KINDS)


@dataclasses.dataclass
class Result:
    """What a campaign found.

    Attributes:
        faults: scenario and kind → the number of injected faults.
        violations: one sentence per violation.
    """

    faults: dict[str, int] = dataclasses.field(default_factory=dict)
    violations: list[str] = dataclasses.field(default_factory=list)

    def add(self, scenario: str, kind: str, ended: Ended, problems: Iterable[str]) -> None:
        """Adds a fault and what it did wrong."""
        key = f"{scenario}, {kind}"
        self.faults[key] = self.faults.get(key, 0) + bool(ended.operations)
        where = ended.operations[0] if ended.operations else "not reached"
        self.violations += (found := [f"{key} at {where}: {problem}" for problem in problems])
        print(f"{key} at {where}:", "status", ended.status, *found, file=sys.stderr)  # noqa: T201


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a child process ended.

    Attributes:
        status: its exit status; negative if a signal killed it.
        printed: what it printed.
        operations: the operations of its report.
    """

    status: int
    printed: str
    operations: list[str]


def with_message(output: Path, step: Callable[[], object], own_errors: tuple[type[Exception], ...] = ()) -> int:
    """Runs a step and prints its error as a command does; returns the exit status.

    Args:
        output: the output folder of the command.
        step: the step.
        own_errors: the types of error whose message says all.
    """
    try:
        step()
    except Exception as error:
        return fail(error_message(error, own_errors, output), EXIT_FAILED)
    return _SUCCESS


def run_scenario(scenario: Scenario, count: int, chance: random.Random, result: Result) -> None:
    """Injects faults of every kind into a scenario.

    Args:
        scenario: the scenario, whose folder has the state before the command. It is removed at the end.
        count: the number of faults of each kind; 0 for one at every operation.
        chance: chooses the operations.
        result: receives the counts and violations.
    """
    saved = scenario.work.with_name(f"{scenario.work.name}-saved")
    scenario.work.rename(saved)
    _restore(saved, scenario.work)
    undisturbed = run_child(scenario.work, scenario.command, "kill", REPORT_ALL)
    problems = [] if undisturbed.status == _SUCCESS else [f"status {undisturbed.status}: {undisturbed.printed}"]
    result.violations += [f"{scenario.name}, undisturbed: {text}" for text in (*problems, *scenario.unfinished())]
    for kind in scenario.kinds:
        for number in _choose(undisturbed.operations, KINDS[kind], count, chance):
            _restore(saved, scenario.work)
            ended = run_child(scenario.work, scenario.command, kind, number)
            result.add(scenario.name, kind, ended, [*_consequences(scenario, kind, ended)])
    _remove(scenario.work)
    _remove(saved)


def run_scenarios(scenarios: Iterable[Scenario], seed: int, count: int) -> None:
    """Injects faults into every scenario and prints the result as JSON; the arguments are those of `run_scenario`."""
    result, chance = Result(), random.Random(seed)
    for scenario in scenarios:
        run_scenario(scenario, count, chance, result)
    print(json.dumps(dataclasses.asdict(result)))  # noqa: T201


def _choose(operations: list[str], affected: set[str], count: int, chance: random.Random) -> list[int]:
    """Chooses the numbers of operations, first one per pair of operation and file name."""
    numbers = [number for number, text in enumerate(operations, 1) if text.split(" ")[0] in affected]
    if not count:
        return numbers
    chance.shuffle(numbers)
    first = {re.sub(r"[0-9a-f]{8,}|\d+", "#", operations[number - 1]): number for number in numbers}
    distinct = [*first.values()]  # the most frequent pairs are first, such as the journal of the database
    chance.shuffle(distinct)
    return [*distinct, *(number for number in numbers if number not in distinct)][:count]


def _consequences(scenario: Scenario, kind: str, ended: Ended) -> Iterator[str]:
    """Yields what is wrong after a fault, and after the command was repeated."""
    if ended.status == _SUCCESS:
        operation, _, path = ended.operations[0].partition(" ") if ended.operations else ("", "", "")
        if kind == "input/output error" and operation == "fsync" and not Path(path).is_dir():
            yield "success was reported although the disk may not hold the file"
        yield from (f"success was reported, but {problem}" for problem in scenario.unfinished())
    else:
        yield from scenario.problems()
        yield from _bad_end(ended)
    again = run_child(scenario.work, scenario.again, "kill", NEVER)
    if again.status != _SUCCESS:
        yield f"the same command ends with {again.status}: {again.printed[-600:]}"
    yield from (f"after the same command, {problem}" for problem in scenario.unfinished())


def _bad_end(ended: Ended) -> Iterator[str]:
    """Yields why a failure is no answer to a person: a traceback, or the words of a library."""
    if ended.status == _UNEXPECTED or "Traceback (most recent call last)" in ended.printed:
        yield f"no message, but {ended.printed[-600:]}"
    elif match := re.search(r"(error|vocseg): (unexpected .*|\[Errno .*)", ended.printed):
        yield f"the message has no cure: {match[0]}"
    elif ended.status < 0 and -ended.status != signal.SIGKILL:
        yield f"it was killed by signal {-ended.status}"


def _restore(saved: Path, work: Path) -> None:
    """Puts the state into place in one step, because an observer may look at it."""
    copy = work.with_name(f"{work.name}-copy")
    if work.exists():
        _remove(work)
    shutil.copytree(saved, copy, symlinks=True)
    copy.rename(work)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder.rename(folder.with_name(f"{folder.name}-gone")))


def run_child(work: Path, command: Callable[[], int], kind: str, number: int) -> Ended:
    """Runs a command in a child process, with a fault at its n-th operation below a folder."""
    report, printed = (work.with_name(name) for name in ("report.txt", "printed.txt"))
    for file in (report, printed):
        file.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        _be_child(work, command, kind, number, report, printed)
    _, status = os.waitpid(child, 0)
    return Ended(
        status=os.waitstatus_to_exitcode(status),
        printed=printed.read_text(errors="replace"),
        operations=report.read_text().splitlines() if report.exists() else [],
    )


def _be_child(work: Path, command: Callable[[], int], kind: str, number: int, report: Path, printed: Path) -> None:
    status = _UNEXPECTED
    try:
        signal.alarm(_CHILD_SECONDS)
        with printed.open("w", buffering=1) as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
            sys.stdout, sys.stderr = (os.fdopen(descriptor, "w", buffering=1) for descriptor in (1, 2))
            arm(work, number, kind, report)
            try:
                status = command()
            except OSError:
                status = _FAILED
            except BaseException:
                traceback.print_exc()
    finally:
        os._exit(status)
