"""Commands open and run nothing in the current folder, the preset's folder and the devkit but what they are given."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.pipeline.demo.models import export_colour_model
from tfds_voc_seg.sample.devkit import write_sample_devkit

if TYPE_CHECKING:
    from collections.abc import Sequence

PROJECT = Path(__file__).parents[3]

MODULES = (
    "numpy", "PIL", "yaml", "json", "chardet", "simplejson", "cupy", "torch", "jax", "dask", "sitecustomize",
    "usercustomize", "tensorflow", "keras", "h5py", "matplotlib", "lxml", "rich", "tqdm", "colorama", "brotli",
    "cchardet", "ujson", "orjson", "winloop", "uvloop", "IPython", "ipywidgets", "psutil", "defusedexpat",
)  # fmt: skip
OTHERS = ("matplotlibrc", "setup.cfg", "pyproject.toml", ".env", ".netrc", "keras.json", "boto.cfg", "dask.yaml")


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """A current folder, a preset's folder and a devkit, all with files that libraries may look for."""
    made = {name: tmp_path / name for name in ("current", "presets", "devkit")}
    write_sample_devkit(made["devkit"], train_images=2, val_images=1)
    for folder in made.values():
        folder.mkdir(exist_ok=True)
        for name in MODULES:
            (folder / f"{name}.py").write_text("raise SystemExit('a foreign module ran')\n")
        for name in OTHERS:
            (folder / name).write_text("[hostile]\n")
    (made["presets"] / "mine.yaml").write_text("name: mine\ncandidates: {unet: {network: unet}}\n")
    return made


def observe(folders: dict[str, Path], commands: Sequence[Sequence[str]]) -> tuple[list[int], set[tuple[str, str]]]:
    """Runs commands in the current folder; returns their exit statuses, and kind and path of the events."""
    watched = [str(folder) for folder in folders.values()]
    program = [sys.executable, "-P", "-m", "tests.pipeline.commands.audited_commands"]
    finished = subprocess.run(
        [*program, json.dumps(watched), json.dumps(commands)],
        cwd=folders["current"],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    observed: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return observed["statuses"], {(event, path) for event, path in observed["seen"]}


def test_commands_without_a_model_read_only_the_preset(folders: dict[str, Path]) -> None:
    preset = str(folders["presets"] / "mine.yaml")
    commands = [["--help"], ["run", "--preset", preset, "--set", "nothing=1"], ["data", "check", "nowhere"]]
    statuses, seen = observe(folders, commands)
    assert statuses == [0, 2, 2]
    assert seen == {("open", preset)}


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
    model, photo = export_colour_model(tmp_path / "model"), tmp_path / "photo.jpg"
    shutil.copy(next((folders["devkit"] / "JPEGImages").iterdir()), photo)
    devkit, output = str(folders["devkit"]), str(tmp_path / "out")
    commands = [
        ["data", "check", devkit],
        ["data", "show", devkit, "--output", f"{output}/shown"],
        ["predict", str(model), str(photo), "--output", f"{output}/predicted"],
        ["evaluate", str(model), "--devkit", devkit],
    ]
    statuses, seen = observe(folders, commands)
    assert statuses == [0, 0, 0, 0]
    parts = ("JPEGImages", "SegmentationClass", "ImageSets", "Annotations")
    allowed = tuple(f"{devkit}/{part}" for part in parts)
    names = (f"{devkit}/labels.yaml", f"{devkit}/labelmap.txt")
    foreign = {(event, path) for event, path in seen if not path.startswith(allowed) and path not in names}
    # matplotlib always reads its settings from the current folder; they hold no code. Python's platform starts uname.
    expected = {("open", str(folders["current"] / "matplotlibrc")), ("subprocess.Popen", "uname")}
    assert foreign - expected - {("os.listdir", devkit), ("os.scandir", devkit)} == set()
    assert not [path for event, path in seen if event in ("exec", "import")]
