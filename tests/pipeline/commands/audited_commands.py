"""Runs commands in one process and reports which files of some folders it opened or ran as code.

`python -P -m … FOLDERS COMMANDS`, both as JSON: the folders to watch, and a list of commands. Writes a JSON object to
standard output: the commands' exit statuses, and the kinds and paths of the events. `vocseg demo` must have `--port`;
its page is opened, and then the command is interrupted.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import urllib.request
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NO_FILES = ("<", "__editable__.")  # generated code, and the entry in sys.path of a project under development
_PROCESSES = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system")

_watched: list[str] = []
_seen: set[tuple[str, str]] = set()


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched:
        return
    if event == "exec" and isinstance(arguments[0], CodeType):
        path: Any = arguments[0].co_filename or "<generated>"  # some generated code has no name at all
    elif event in ("open", "os.listdir", "os.scandir", "ctypes.dlopen"):
        path = arguments[0]
    elif event == "import":
        path = arguments[1]
    elif event in _PROCESSES:
        _seen.add((event, str(arguments[0])))
        return
    elif event == "socket.connect":
        address = arguments[1]
        _seen.add((event, str(address[0] if isinstance(address, tuple) else address)))
        return
    else:
        return
    if isinstance(path, (str, bytes, os.PathLike)) and not os.fsdecode(path).startswith(_NO_FILES):
        absolute = os.path.abspath(os.fsdecode(path or "."))  # noqa: PTH100  (pathlib raises events of its own)
        # `os.open` reports a name inside of an open folder, as shutil uses it, like a name in the current folder.
        if os.path.lexists(absolute) and any(f"{absolute}/".startswith(f"{folder}/") for folder in _watched):
            _seen.add((event, absolute))


@contextlib.contextmanager
def _visited(command: Sequence[str]) -> Iterator[None]:
    """Meanwhile opens the page of `vocseg demo` and interrupts the command as Ctrl-C does, also without an answer."""
    if command[0] != "demo":
        yield
        return
    ended = threading.Event()
    visitor = threading.Thread(target=_visit, args=(command[command.index("--port") + 1], ended))
    visitor.start()
    try:
        yield
    finally:
        ended.set()
        visitor.join()


def _visit(port: str, ended: threading.Event) -> None:
    end = time.monotonic() + 300
    while not ended.wait(0.2):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/samples/0.jpg") as answer:
            photo = answer.read()
            urllib.request.urlopen(f"http://127.0.0.1:{port}/segment/0", data=photo).close()
            _seen.add(("demo", "answered"))
        if ("demo", "answered") in _seen or time.monotonic() > end:
            os.kill(os.getpid(), signal.SIGINT)
            return


def main() -> None:
    """Runs the commands of this process's arguments."""
    from pipeline import cli

    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
    folders, commands = map(json.loads, sys.argv[1:3])
    terminal, sys.stdout = sys.stdout, sys.stderr
    sys.addaudithook(_watch)
    _watched.extend(folders)
    statuses: list[Any] = []
    for command in commands:
        with _visited(command):
            try:
                statuses.append(cli.main(command))
            except SystemExit as end:
                statuses.append(end.code)
    _watched.clear()
    # Flushed, because an interrupted demo registers an exit that flushes nothing else.
    print(json.dumps({"statuses": statuses, "seen": sorted(_seen)}), file=terminal, flush=True)


if __name__ == "__main__":
    main()
