"""The command that starts and stops a cluster."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from clusters import __main__ as command
from clusters.downloads import DownloadError
from pipeline.cli import command_parser
from pipeline.config.loading import load_config
from tests.clusters.small_cluster import BEAM_ARGS, small_cluster

if TYPE_CHECKING:
    from pathlib import Path
    from typing import NoReturn


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["clusters", *arguments])
    command.main()


def test_the_printed_command_has_the_options_of_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(command.ENGINES, "flink", lambda folder, _: small_cluster(made(folder)))
    run(monkeypatch, "flink", "start", "--folder", str(tmp_path))
    try:
        said, printed = capsys.readouterr().out.strip().split("\n\n")
        assert said == f"A flink cluster with 2 workers runs; its log files are in {tmp_path / 'flink'}. Try:"
        options = command_parser().parse_args(shlex.split(printed)[1:])
        assert load_config("demo", overrides=options.overrides).beam.args == BEAM_ARGS
    finally:
        run(monkeypatch, "flink", "stop", "--folder", str(tmp_path))
    with pytest.raises(SystemExit, match=f"no cluster runs in {tmp_path / 'flink'}"):
        run(monkeypatch, "flink", "stop", "--folder", str(tmp_path))


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_what_is_not_available_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise DownloadError("mvn is not installed; install it")

    monkeypatch.setitem(command.ENGINES, "spark", refuse)
    with pytest.raises(SystemExit, match="mvn is not installed; install it"):
        run(monkeypatch, "spark", "start", "--folder", str(tmp_path))
