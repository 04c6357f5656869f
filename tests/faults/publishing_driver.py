"""Publishes and rolls back in child processes, each with one fault at its n-th file operation; prints what went wrong.

Run as a process of its own, because it forks: `python -m tests.faults.publishing_driver FOLDER FIRST STEP`. Python's
audit events name the file operations. The two faults are SIGKILL and an error of the disk.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.model_pusher.publishing import Condition, publish
from components.model_pusher.rollback import rollback
from components.saved_model.model_digest import model_digest
from components.saved_model.serving_folder import latest_version
from tests.components.model_pusher.version_folders import FILES, write_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILE_OPERATIONS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.listdir", "os.scandir", "os.utime")
FAULTS: dict[str, int | None] = {"kill": None, "no space": errno.ENOSPC, "input/output error": errno.EIO}


def _state(folder: Path) -> dict[str, str]:
    """Version → digest of its content."""
    return {path.name: model_digest(path) for path in folder.iterdir() if path.name.isdecimal()}


def _publish(model: Path, serving: Path) -> None:
    latest = latest_version(serving)
    in_service = model_digest(latest) if latest else ""
    publish(model, serving, keep_versions=2, condition=Condition(model_digest(model), in_service))


def _roll_back(_: Path, serving: Path) -> None:
    rollback(serving)


def _inject(number: int, code: int | None) -> Callable[[], bool]:
    """Makes the n-th file operation in this process fail; returns a function that tells whether it was reached."""
    count = 0

    def hook(event: str, _: Any) -> None:
        nonlocal count
        if event in FILE_OPERATIONS:
            count += 1
            if count == number:
                if code is None:
                    os.kill(os.getpid(), signal.SIGKILL)
                else:
                    raise OSError(code, os.strerror(code))

    sys.addaudithook(hook)
    return lambda: count >= number


def _run_child(action: Callable[[Path, Path], None], model: Path, serving: Path, number: int, code: int | None) -> bool:
    """Runs an action in a child process; returns whether it reached the fault."""
    child = os.fork()
    if child == 0:
        reached = _inject(number, code)
        try:
            action(model, serving)
        except OSError:
            os._exit(3)
        finally:
            os._exit(3 if reached() else 0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 3


def _check(serving: Path, known: set[str], expected: set[str]) -> Iterator[str]:
    state = _state(serving)
    for version, digest in state.items():
        missing = [name for name in FILES if not (serving / version / name).exists()]
        if missing or digest not in known:
            yield f"version {version} is not whole: {missing or 'unknown content'}"
    latest = latest_version(serving)
    if latest is None or model_digest(latest) not in expected:
        yield f"in service: {latest}"


def main(folder: Path, first: int, step: int) -> None:
    """Injects every `step`-th fault, from `first` on; prints JSON with the number of faults and the violations."""
    models = {letter: write_model(folder / letter, letter) for letter in "abc"}
    digests = {letter: model_digest(model) for letter, model in models.items()}
    start, serving = folder / "start", folder / "serving"
    for letter in "ab":
        publish(models[letter], start)
    faults, violations = 0, []
    for action, before, after in ((_publish, "b", "c"), (_roll_back, "b", "a")):
        for fault, code in FAULTS.items():
            number, reached = first, True
            while reached:
                shutil.copytree(start, serving)
                reached = _run_child(action, models["c"], serving, number, code)
                here = f"{action.__name__}, {fault} at operation {number}"
                known = {digests[letter] for letter in models}
                problems = [*_check(serving, known, {digests[before], digests[after]})]
                if not reached or action is _publish:
                    if reached:
                        _publish(models["c"], serving)
                    problems += _check(serving, known, {digests[after]})
                violations += [f"{here}: {problem}" for problem in problems]
                faults += reached
                number += step
                shutil.rmtree(serving)
    print(json.dumps({"faults": faults, "violations": violations}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
