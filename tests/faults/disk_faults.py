"""Compiles `disk_faults.c`, and starts processes in which a file operation can fail."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_CREATES, _WRITES, _STREAMS = {"open", "mkdir", "link", "symlink"}, {"write"}, {"fwrite", "fflush", "fclose"}
_CHANGES = {"unlink", "rmdir", "rename", "truncate"}
KINDS = {
    "kill": _CREATES | _WRITES | _STREAMS | _CHANGES | {"fsync"},
    "torn write": _WRITES | _STREAMS,
    "no space": _CREATES | _WRITES | _STREAMS,
    "input/output error": _CREATES | _WRITES | _STREAMS | _CHANGES | {"fsync"},
    "read-only": _CREATES | _WRITES | _STREAMS | _CHANGES,
    "short write": _WRITES,
    "read error": {"read"},
}
"""The kinds of `disk_faults.c`, and the operations that they affect."""
NEVER = 2**62
"""The number of an operation that is never reached."""
REPORT_ALL = 0
"""In place of the number of an operation: no fault, the report names all operations."""

_SOURCE = Path(__file__).with_name("disk_faults.c")
_PROJECT = Path(__file__).parents[2]


def compile_library(folder: Path) -> Path:
    """Compiles the library into a folder; skips the test on a machine that cannot."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("faults at file operations are injected by a small C library, which needs Linux and `cc`")
    library = folder / "disk_faults.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    if compiled.returncode:
        pytest.skip(f"`cc` cannot compile the library that injects faults: {compiled.stderr.splitlines()[0]}")
    return library


def run_module(module: str, *arguments: str, library: Path) -> str:
    """Runs a module of the tests in a process that can arm itself; returns what it prints."""
    answer = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        cwd=_PROJECT,
        env={**os.environ, "LD_PRELOAD": str(library)},
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    return answer.stdout


def arm(folder: Path, number: int, kind: str, report: Path) -> None:
    """Makes the n-th file operation of this process below a folder fail; the report then names it and its path."""
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}, not one of {', '.join(KINDS)}")
    ctypes.CDLL(None).disk_faults_arm(os.fsencode(folder), ctypes.c_long(number), kind.encode(), os.fsencode(report))
