"""The lock of a folder: who holds it is named, and it ends with its process, however the process ends."""

from __future__ import annotations

import datetime
import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from components.locks import LockedError, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOLDER = """
import sys, time
from components.locks import locked
with locked(sys.argv[1], "vocseg run", wait=False):
    print("locked", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[[float], subprocess.Popen[str]]]:
    """Starts a process that locks the folder for some seconds; returns when it has."""
    started: list[subprocess.Popen[str]] = []

    def start(seconds: float) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLDER, str(tmp_path / "output"), str(seconds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == "locked\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_holder_is_named(hold: Callable[[float], subprocess.Popen[str]], tmp_path: Path) -> None:
    process = hold(60)
    place = rf"process {process.pid} on {re.escape(socket.gethostname())}, started at {datetime.date.today():%Y}-"
    sentence = rf"output is in use by `vocseg run`, {place}.*; .* with --wait, or name"
    with pytest.raises(LockedError, match=sentence), locked(tmp_path / "output", "vocseg run", wait=False):
        pass


def test_a_killed_process_holds_no_lock(hold: Callable[[float], subprocess.Popen[str]], tmp_path: Path) -> None:
    process = hold(60)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with locked(tmp_path / "output", "vocseg run", wait=False):
        assert str(os.getpid()) in (tmp_path / "output/.lock").read_text()


def test_waiting_ends_when_the_holder_ends(hold: Callable[[float], subprocess.Popen[str]], tmp_path: Path) -> None:
    process = hold(1)
    sentences: list[str] = []
    with locked(tmp_path / "output", "vocseg run", wait=True, on_wait=sentences.append):
        # the system releases the lock as the process ends, so it may not be gone completely yet
        deadline = time.monotonic() + 30
        while process.poll() is None:
            assert time.monotonic() < deadline
    assert len(sentences) == 1
    assert f"waiting for `vocseg run`, process {process.pid}" in sentences[0]


def test_without_locks_in_the_file_system_the_user_is_warned_and_the_work_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failure = OSError(errno.ENOLCK, "No locks available")

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr("fcntl.flock", fail)
    with locked(tmp_path, "one", wait=False):
        assert (tmp_path / ".lock").read_text() == ""  # it names no holder, because nobody holds it
    assert f"{tmp_path}: this file system has no locks; run only one command at a time" in caplog.text
    failure.errno = errno.EIO
    with pytest.raises(OSError, match="No locks available"), locked(tmp_path, "one", wait=False):
        pass


def test_the_holder_may_lock_again(tmp_path: Path) -> None:
    with locked(tmp_path, "one", wait=False), locked(tmp_path, "two", wait=False):
        assert '"one"' in (tmp_path / ".lock").read_text()
    with locked(tmp_path, "three", wait=False):
        pass
