"""The commands, settings and files in kubeflow/README.md exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline import cli
from pipeline.config.kubeflow import KubeflowConfig

FOLDER = Path(__file__).parents[2] / "kubeflow"
README = (FOLDER / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


COMMANDS = [
    line.partition(" | ")[0]
    for block in blocks("bash")
    for line in block.replace("\\\n", " ").splitlines()
    if line.startswith("vocseg ")
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_valid(command: str) -> None:
    options = cli.command_parser().parse_args(shlex.split(command, comments=True)[1:])
    assert callable(options.command)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_every_setting_is_valid(block: str) -> None:
    settings = yaml.safe_load(block)
    assert list(settings) == ["kubeflow"]
    KubeflowConfig.model_validate(settings["kubeflow"])


def test_every_named_file_exists() -> None:
    for path in {*re.findall(r"\]\(((?!http)[^)#]+)", README), *re.findall(r"kubeflow/(manifests/\S+\.yaml)", README)}:
        assert (FOLDER / path).exists(), path


def test_help_imports_no_heavy_libraries() -> None:
    program = (
        "import sys\n"
        "from pipeline import cli\n"
        "for command in ('submit', 'logs', 'recurring', 'training-job'):\n"
        "    try:\n        cli.main(['kubeflow', command, '--help'])\n"
        "    except SystemExit as stop:\n        assert stop.code == 0\n"
        "heavy = {'kfp', 'kfp_server_api', 'tensorflow', 'tfx', 'pydantic', 'rich', 'yaml'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "--token-file" in finished.stdout
