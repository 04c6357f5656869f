"""Watches a publishing folder from outside, as TensorFlow Serving does.

`python -m tests.faults.observer FOLDER REPORT` polls until its standard input is closed. The report has one JSON line
per new state of a version: its digest, or what is wrong with it; and `after`, the digest of the version that was in
service when it came. The folder may come and go.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.run_files import SAVED_MODEL_FILE
from components.saved_model.model_digest import model_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

_POLL_SECONDS = 0.002
_REQUIRED = (SAVED_MODEL_FILE, "variables/variables.index", "variables/variables.data-00000-of-00001")


@contextlib.contextmanager
def observed(folder: Path, report: Path) -> Iterator[None]:
    """Observes a publishing folder inside the `with` block."""
    command = [sys.executable, "-m", "tests.faults.observer", str(folder), str(report)]
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        try:
            yield
        finally:
            process.stdin.close()
            process.wait()


def read_report(report: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in report.read_text().splitlines()]


def _state(version: Path) -> object:
    """Changes whenever a file of the version does."""
    stats = [(str(path), path.stat()) for path in (version, *sorted(version.rglob("*")))]
    return tuple((path, stat.st_ino, stat.st_size, stat.st_mtime_ns) for path, stat in stats)


def _examine(version: Path) -> dict[str, str]:
    missing = [name for name in _REQUIRED if not (version / name).is_file()]
    if missing:
        return {"problem": f"it has no {', '.join(missing)}"}
    return {"digest": model_digest(version)}


def _look(version: Path, seen: set[object]) -> dict[str, str] | None:
    """Returns what is new about a version, if it had its name all the time that this takes."""
    try:
        identity = version.stat().st_ino
        try:
            state = _state(version)
            if state in seen:
                return None
            found = _examine(version)
            if "digest" in found and _state(version) != state:
                found = {"problem": "a file of it has changed"}
        except OSError as error:
            state, found = None, {"problem": str(error)}
        if version.stat().st_ino != identity:
            return None
    except FileNotFoundError:  # it was withdrawn, removed or replaced
        return None
    seen.add(state)
    return found


def _list_versions(folder: Path) -> list[str]:
    """Returns the names of the versions, oldest first."""
    with contextlib.suppress(FileNotFoundError):  # the folder comes and goes
        return sorted((name for name in os.listdir(folder) if name.isdecimal()), key=int)  # noqa: PTH208 (names)
    return []


def _wait_for_end(closed: threading.Event) -> None:
    sys.stdin.read()
    closed.set()


def main(folder: Path, report: Path) -> None:
    """Polls until standard input is closed."""
    closed = threading.Event()
    threading.Thread(target=_wait_for_end, args=(closed,), daemon=True).start()
    seen: set[object] = set()
    digests: dict[str, str] = {}  # a folder that is put back has the same content under the same name
    with report.open("a", buffering=1) as lines:
        print("observing", flush=True)  # noqa: T201
        while not closed.wait(_POLL_SECONDS):
            in_service = ""
            for name in _list_versions(folder):
                if found := _look(folder / name, seen):
                    lines.write(json.dumps({"version": name, "after": in_service, **found}) + "\n")
                    digests[name] = found.get("digest", "")
                in_service = digests.get(name, "")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
