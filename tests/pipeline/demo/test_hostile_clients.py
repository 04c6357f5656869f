"""The demo under attack: an honest client is answered, memory stays within its limit, and Ctrl-C ends it."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.demo.limits import MEBIBYTE, Limits
from pipeline.demo.server import listen, make_server
from pipeline.prediction.segmenter import load_segmenter

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY_MB = 1536
SLOW_CLIENTS, SLOW_SECONDS = 200, 60


@pytest.fixture
def port(colour_models: tuple[Path, Path]) -> Iterator[int]:
    """A server in a thread, with short times."""
    limits = Limits(
        MEBIBYTE, 256 * MEBIBYTE, header_seconds=0.5, pause_seconds=0.5, body_seconds=1, read_seconds=0.5, uploads=8,
        connections=64,
    )  # fmt: skip
    ready = threading.Event()
    server = make_server({"model": load_segmenter(colour_models[0])}, limits, frozenset(), ready.set)
    with listen("127.0.0.1", 0) as listening:
        number = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        assert ready.wait(20)
        yield number
        server.should_exit = True
        thread.join(20)


def attack(port: int, clients: int, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.pipeline.demo.hostile_clients", "127.0.0.1", str(port)]
    command += [str(clients), str(seconds)]
    finished = subprocess.run(command, stdout=subprocess.PIPE, timeout=seconds + 60, check=True)
    observed: dict[str, Any] = json.loads(finished.stdout)
    return observed


def test_an_honest_client_is_answered_beside_hostile_ones(port: int) -> None:
    observed = attack(port, 30, 3)
    assert set(observed["honest"]) == {"200"}
    assert len(observed["connected"]) == 6
    assert min(observed["connected"].values()) > 5, "no connection was closed by the server"


@contextlib.contextmanager
def demo_process(model: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Starts the command; gives its process and port."""
    command = [sys.executable, "-m", "pipeline.cli", "demo", str(model), "--port", "0", "--memory-mb", str(MEMORY_MB)]
    # The command must handle SIGINT even if this process ignores it, like background jobs of a shell.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    )
    try:
        assert process.stdout is not None
        matches = (re.search(r"open http://.*:(\d+)/", line) for line in process.stdout)
        yield process, next(int(match[1]) for match in matches if match)
    finally:
        process.kill()
        process.wait()


def resident_bytes(process: int) -> int:
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(match[1]) * 1024 if match else 0


@pytest.mark.slow
def test_many_hostile_clients(colour_models: tuple[Path, Path]) -> None:
    highest, ended = 0, threading.Event()
    with demo_process(colour_models[0]) as (process, number):

        def watch() -> None:
            nonlocal highest
            while not ended.wait(0.05):
                highest = max(highest, resident_bytes(process.pid))

        before = resident_bytes(process.pid)
        watcher = threading.Thread(target=watch)
        watcher.start()
        observed = attack(number, SLOW_CLIENTS, SLOW_SECONDS)
        ended.set()
        watcher.join()
    observed["memory_mib"] = (highest - before) // MEBIBYTE
    assert set(observed["honest"]) == {"200"}, observed
    assert observed["longest_wait"] <= 3, observed
    assert observed["memory_mib"] <= MEMORY_MB, observed


@pytest.mark.slow
def test_ctrl_c_ends_the_demo_under_load(colour_models: tuple[Path, Path]) -> None:
    with demo_process(colour_models[0]) as (process, number):
        command = [sys.executable, "-m", "tests.pipeline.demo.hostile_clients", "127.0.0.1", str(number), "100", "60"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as clients:
            try:
                time.sleep(6)
                process.send_signal(signal.SIGINT)
                assert process.wait(timeout=2) == 130
            finally:
                clients.kill()
