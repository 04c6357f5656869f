"""Commands open and run nothing in the current folder, the preset's folder and the devkit but what they are given."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from docs_generator.commands_page import commands_of, subcommands_of
from pipeline import cli
from tests.pipeline.commands.hostile_folders import PROJECT, foreign, make_folders, observe
from tests.pipeline.demo.models import export_colour_model

if TYPE_CHECKING:
    from pathlib import Path

SERVER_COMMANDS = (
    *("kubeflow submit", "kubeflow status", "kubeflow logs", "kubeflow list"),
    *(f"kubeflow recurring {action}" for action in ("create", "list", "enable", "disable", "delete")),
)
ONLY_UNTIL_AN_ERROR = {
    "experiment transfer": "trains for many minutes; its nodes are those of `run`",
    "kubeflow emulate": "runs the nodes, those of `run`, in processes of their own; takes many minutes",
    **dict.fromkeys(SERVER_COMMANDS, "needs a server: the connection is refused"),
}
"""The commands of which no test here sees the end, and why."""

UNREACHABLE = ["--host", "http://127.0.0.1:1"]

Commands = list[tuple[list[str], int]]
"""The words of commands, and their exit statuses."""


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """See `make_folders`."""
    return make_folders(tmp_path)


def light_commands(folders: dict[str, Path], output: Path) -> Commands:
    """Commands that load no TensorFlow."""
    preset = ["--preset", str(folders["presets"] / "mine.yaml")]
    job = ["--image", "a:1", "--examples", "s3://a/b", "--model-to", "s3://a/c", "--output", str(output / "job.yaml")]
    return [
        (["--help"], 0),
        (["run", *preset, "--set", "nothing=1"], 2),
        (["experiment", "transfer", *preset, "--set", "nothing=1"], 2),
        (["data", "check", "nowhere"], 2),
        (["data", "sample", str(output / "sample"), "--train", "1", "--val", "1"], 0),
        (["data", "import", "folders", str(folders["devkit"]), str(output / "imported"), "--copy"], 0),
        (["kubeflow", "training-job", *preset, "--candidate", "unet", *job], 0),
        (["kubeflow", "emulate", "nowhere.yaml", "--output", str(output / "emulated")], 2),
        (["kubeflow", "status", "id", *UNREACHABLE], 1),
        (["kubeflow", "logs", "id", *UNREACHABLE], 1),
        (["kubeflow", "list", *UNREACHABLE], 1),
        (["kubeflow", "recurring", "list", *UNREACHABLE], 1),
        *((["kubeflow", "recurring", action, "id", *UNREACHABLE], 1) for action in ("enable", "disable", "delete")),
    ]


def commands_with_a_model(folders: dict[str, Path], output: Path) -> Commands:
    """Commands on the published model below `output`, which has two versions."""
    model, devkit = str(output / "run"), str(folders["devkit"])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
    return [
        (["data", "check", devkit], 0),
        (["data", "show", devkit, "--output", str(output / "shown")], 0),
        (["predict", model, str(output / "photo.jpg"), "--output", str(output / "predicted")], 0),
        (["evaluate", model, "--devkit", devkit], 0),
        (["export", model, "--target", "onnx", "--output", str(output / "onnx")], 0),
        (["benchmark", model, "--seconds", "0.1"], 0),
        (["benchmark", str(output / "onnx"), "--seconds", "0.1"], 0),
        (["demo", model, "--port", port], 130),
        (["rollback", model], 0),
    ]


def a_run_and_what_follows(folders: dict[str, Path], output: Path) -> Commands:
    """A run that publishes its model, commands that need the libraries of a run, and those that read its output."""
    preset, run = ["--preset", str(folders["presets"] / "mine.yaml")], str(output / "run")
    settings = {
        "training.epochs": 1,
        "training.batch_size": 2,
        "candidates.unet.options": "{width: 2, depth: 2}",
        "selection.publish_background_only": "true",
    }
    chosen = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    specification = str(output / "pipeline.yaml")
    cluster = ["--image", "a:1", "--pipeline-root", "s3://a/b", "--devkit", "s3://a/c", "--output", specification]
    return [
        (["doctor", "--output", run], 0),
        (["kubeflow", "compile", *preset, *cluster], 0),
        (["kubeflow", "check", specification], 0),
        (["kubeflow", "submit", specification, *UNREACHABLE], 1),
        (["kubeflow", "recurring", "create", specification, "--every", "1h", *UNREACHABLE], 1),
        (["run", *preset, "--devkit", str(folders["devkit"]), "--output", run, *chosen], 0),
        (["report", run], 0),
        (["lineage", run], 0),
        (["repair", run], 0),
    ]


def test_every_command_is_run_in_hostile_folders(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("current", "presets", "devkit")}
    commands = [parser.prog for parser in commands_of(cli.command_parser()) if not subcommands_of(parser)]
    names = {command.removeprefix("vocseg ") for command in commands}
    finished: set[str] = set()
    tried: set[str] = set()
    for lists in (light_commands, commands_with_a_model, a_run_and_what_follows):
        for words, status in lists(folders, tmp_path):
            found = {name for name in names if words[: len(name.split())] == name.split()}
            tried |= found
            finished |= found if status == 0 or words[0] == "demo" else set()
    assert tried == names
    assert names - finished == set(ONLY_UNTIL_AN_ERROR)


def test_light_commands_read_only_the_preset_and_the_devkit(folders: dict[str, Path], tmp_path: Path) -> None:
    commands = light_commands(folders, tmp_path / "out")
    (tmp_path / "out").mkdir()
    statuses, seen = observe(folders, [words for words, _ in commands])
    assert statuses == [status for _, status in commands]
    assert ("open", str(folders["presets"] / "mine.yaml")) in seen
    assert foreign(folders, seen) == {("socket.connect", "127.0.0.1")}


def test_processes_that_a_command_starts_do_not_import_from_the_current_folder(folders: dict[str, Path]) -> None:
    program = (
        "import contextlib, subprocess, sys\n"
        "from pipeline import cli\n"
        "sys.argv = ['vocseg', '--help']\n"
        "with contextlib.suppress(SystemExit):\n    cli.main()\n"
        "sys.exit(subprocess.call([sys.executable, '-m', 'json.tool', '--help']))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    environment.pop("PYTHONSAFEPATH", None)
    command = [sys.executable, "-P", "-c", program]
    finished = subprocess.run(
        command, cwd=folders["current"], env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr


@pytest.mark.slow
def test_commands_with_a_model_read_only_what_they_are_given(folders: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "out"
    model = export_colour_model(output / "run/serving/1")
    shutil.copytree(model, output / "run/serving/2")
    shutil.copy(next((folders["devkit"] / "JPEGImages").iterdir()), output / "photo.jpg")
    commands = commands_with_a_model(folders, output)
    statuses, seen = observe(folders, [words for words, _ in commands])
    assert statuses == [status for _, status in commands]
    assert ("demo", "answered") in seen
    allowed = {("subprocess.Popen", "uname"), ("socket.connect", "127.0.0.1"), ("demo", "answered")}
    assert foreign(folders, seen) - allowed == set()


@pytest.mark.slow
def test_a_run_and_what_follows_it_read_only_the_preset_and_the_devkit(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    commands = a_run_and_what_follows(folders, output)
    statuses, seen = observe(folders, [words for words, _ in commands])
    assert statuses == [status for _, status in commands]
    programs = ("uname", "nvidia-smi", sys.executable)  # Python's platform; TensorFlow's device; the smoke test
    allowed = {("socket.connect", "127.0.0.1"), *(("subprocess.Popen", program) for program in programs)}
    assert foreign(folders, seen) - allowed == set()
