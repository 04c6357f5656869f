"""Runs commands in one process and reports which files of some folders it opened or ran as code.

`python -P -m … FOLDERS COMMANDS`, both as JSON: the folders to watch, and a list of commands. Writes a JSON object to
standard output: the commands' exit statuses, and the kinds and paths of the events.
"""

from __future__ import annotations

import json
import os
import sys
from types import CodeType
from typing import Any

_NO_FILES = ("<", "__editable__.")  # generated code, and the entry in sys.path of a project under development

_watched: list[str] = []
_seen: set[tuple[str, str]] = set()


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched:
        return
    if event == "exec" and isinstance(arguments[0], CodeType):
        path: Any = arguments[0].co_filename
    elif event in ("open", "os.listdir", "os.scandir", "ctypes.dlopen"):
        path = arguments[0]
    elif event == "import":
        path = arguments[1]
    elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "socket.connect", "os.system"):
        _seen.add((event, str(arguments[0])))
        return
    else:
        return
    if isinstance(path, (str, bytes, os.PathLike)) and not os.fsdecode(path).startswith(_NO_FILES):
        absolute = os.path.abspath(os.fsdecode(path or "."))  # noqa: PTH100  (pathlib raises events of its own)
        # `os.open` reports a name inside of an open folder, as shutil uses it, like a name in the current folder.
        if os.path.lexists(absolute) and any(f"{absolute}/".startswith(f"{folder}/") for folder in _watched):
            _seen.add((event, absolute))


def main() -> None:
    """Runs the commands of this process's arguments."""
    from pipeline import cli

    folders, commands = map(json.loads, sys.argv[1:3])
    terminal, sys.stdout = sys.stdout, sys.stderr
    sys.addaudithook(_watch)
    _watched.extend(folders)
    statuses: list[Any] = []
    for command in commands:
        try:
            statuses.append(cli.main(command))
        except SystemExit as end:
            statuses.append(end.code)
    _watched.clear()
    json.dump({"statuses": statuses, "seen": sorted(_seen)}, terminal)


if __name__ == "__main__":
    main()
