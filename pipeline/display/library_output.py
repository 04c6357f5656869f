"""Keeps the output of libraries, their C++ code included, away from the terminal."""

from __future__ import annotations

import contextlib
import datetime
import os
import sys
from typing import IO, TYPE_CHECKING

from components.allocator import loading_libraries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STDOUT, _STDERR = 1, 2


@contextlib.contextmanager
def libraries_to_log(folder: Path) -> Iterator[tuple[IO[str], Path]]:
    """Redirects the process's standard output and error to a new log file inside the `with` block.

    Args:
        folder: gets the log file `run-<date>-<time>.log`; created if it does not exist.

    Yields:
        The terminal (a stream for the command's own output) and the log file's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log_file = folder / f"run-{datetime.datetime.now():%Y%m%d-%H%M%S}.log"
    sys.stdout.flush()
    sys.stderr.flush()
    saved = {descriptor: os.dup(descriptor) for descriptor in (_STDOUT, _STDERR)}
    terminal = os.fdopen(os.dup(_STDOUT), "w", encoding="utf-8", buffering=1)
    try:
        with log_file.open("ab") as log:
            for descriptor in saved:
                os.dup2(log.fileno(), descriptor)
        yield terminal, log_file
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, original in saved.items():
            os.dup2(original, descriptor)
            os.close(original)
        terminal.close()


def import_tensorflow_silently() -> None:
    """Imports and initialises TensorFlow, and discards what its C++ code prints meanwhile.

    No setting of TensorFlow silences these lines, so the standard error of the process is redirected.
    """
    sys.stderr.flush()
    saved = os.dup(_STDERR)
    try:
        with open(os.devnull, "wb") as null_device:  # noqa: PTH123 (a device, not a path)
            os.dup2(null_device.fileno(), _STDERR)
        with loading_libraries():
            import tensorflow as tf

        tf.constant(0)  # initialises the devices, which prints more lines
    finally:
        os.dup2(saved, _STDERR)
        os.close(saved)
