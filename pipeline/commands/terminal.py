"""What the commands share: exit statuses, messages, and where libraries' output goes."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

LOG_WIDTH = 120
"""Columns where the output is no terminal."""


def fail(message: str, status: int) -> int:
    """Prints a message for people, a line each with the program's name, and gives the status back."""
    for line in message.splitlines():
        print(f"vocseg: {line}", file=sys.stderr)  # noqa: T201
    return status


def not_installed(error: ModuleNotFoundError, command: str, extra: str = "pipeline") -> str:
    """Says what to install for a command."""
    return f"{error.name} is not installed; `vocseg {command}` needs: pip install 'voc-seg[{extra}]'"


def shown(path: Path) -> str:
    """A path as a person here would write it: relative where it is below the current folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def positive(text: str) -> int:
    """Parses a number that must be at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


@contextlib.contextmanager
def libraries_to_log(folder: Path) -> Iterator[tuple[IO[str], Path]]:
    """Sends what libraries print, C++ ones included, to a log file; yields the terminal and the file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    log_file = folder / f"run-{datetime.datetime.now():%Y%m%d-%H%M%S}.log"
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(descriptor) for descriptor in (1, 2)]
    terminal = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    try:
        with log_file.open("ab") as log:
            for descriptor in (1, 2):
                os.dup2(log.fileno(), descriptor)
        yield terminal, log_file
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, original in zip((1, 2), saved, strict=True):
            os.dup2(original, descriptor)
            os.close(original)
        terminal.close()


def counted(number: int, noun: str) -> str:
    """A number with its noun, which takes an s for all but 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def start_tensorflow() -> None:
    """Imports and wakes TensorFlow without what its C++ code then prints, which no setting of its own silences."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 (a device, not a path)
            os.dup2(nowhere.fileno(), 2)
        import tensorflow as tf

        tf.constant(0)  # looks for a GPU
    finally:
        os.dup2(saved, 2)
        os.close(saved)
