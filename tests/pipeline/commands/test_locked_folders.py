"""Commands that change an output folder: the second one stops with a sentence or waits, and says for whom."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pipeline import cli
from tests.components.model_pusher.version_folders import write_model
from tests.components.test_locks import HOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COMMANDS = (("run", "--output"), ("experiment", "transfer", "--output"), ("repair",))


@pytest.fixture
def hold() -> Iterator[Callable[[Path, float], int]]:
    """Starts a process that locks a folder for some seconds; returns its id when it has."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path, seconds: float) -> int:
        command = [sys.executable, "-c", HOLDER, str(folder), str(seconds)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout
        assert started[-1].stdout.readline() == "locked\n"
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_second_command_stops_and_names_the_first(
    command: tuple[str, ...],
    hold: Callable[[Path, float], int],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    holder = hold(tmp_path, 60)
    assert cli.main([*command, str(tmp_path)]) == 1
    message = capfd.readouterr().err
    assert f"{tmp_path} is in use by `vocseg run`, process {holder} on " in message
    assert "run the command again after it has ended, or with --wait" in message
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    assert cli.command_parser().parse_args([*command, str(tmp_path), "--wait"]).wait


def test_a_repair_waits_for_the_run(
    hold: Callable[[Path, float], int], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    holder = hold(tmp_path, 1)
    assert cli.main(["repair", str(tmp_path), "--wait"]) == 0
    assert capfd.readouterr().err.startswith(f"vocseg: waiting for `vocseg run`, process {holder} on ")


def test_a_rollback_waits_for_a_publication(
    hold: Callable[[Path, float], int], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    serving = tmp_path / "serving"
    for version in "12":
        write_model(serving / version)
    holder = hold(serving, 1)
    assert cli.main(["rollback", str(tmp_path)]) == 0
    printed = capfd.readouterr()
    assert printed.err.startswith(f"vocseg: waiting for `vocseg run`, process {holder} on ")
    assert "version 1 is in service" in printed.out
