"""A current folder, a preset's folder and a devkit with files that libraries may look for; what commands do there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.made_once import copy_of_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

PROJECT = Path(__file__).parents[3]

_MODULES = (
    "numpy", "PIL", "yaml", "json", "chardet", "simplejson", "cupy", "torch", "jax", "dask", "sitecustomize",
    "usercustomize", "tensorflow", "keras", "h5py", "matplotlib", "lxml", "rich", "tqdm", "colorama", "brotli",
    "cchardet", "ujson", "orjson", "winloop", "uvloop", "IPython", "ipywidgets", "psutil", "defusedexpat",
)  # fmt: skip
_OTHERS = ("matplotlibrc", "setup.cfg", "pyproject.toml", ".env", ".netrc", "keras.json", "boto.cfg", "dask.yaml")
_DEVKIT_DATA = ("JPEGImages", "SegmentationClass", "SegmentationObject", "ImageSets", "Annotations")


def make_folders(parent: Path) -> dict[str, Path]:
    """Makes the folders `current`, `presets`, with the preset `mine.yaml`, and `devkit`."""
    made = {name: parent / name for name in ("current", "presets", "devkit")}
    copy_of_sample(made["devkit"], train_images=2, val_images=1)
    for folder in made.values():
        folder.mkdir(exist_ok=True)
        for name in _MODULES:
            (folder / f"{name}.py").write_text("raise SystemExit('a foreign module ran')\n")
        for name in _OTHERS:
            (folder / name).write_text("[hostile]\n")
    preset = "name: mine\ndata: {image_size: 32, num_shards: 1}\ncandidates: {unet: {network: unet}}\n"
    (made["presets"] / "mine.yaml").write_text(preset)
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
    assert finished.stdout, finished.stderr[-2000:]
    sys.stderr.write(finished.stderr)  # pytest shows it if the test fails
    observed: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return observed["statuses"], {(event, path) for event, path in observed["seen"]}


def foreign(folders: dict[str, Path], seen: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Returns the events that are not readings of the preset or of the devkit's data.

    matplotlib always reads its settings from the current folder; they hold no code.
    """
    devkit = str(folders["devkit"])
    data = tuple(f"{devkit}/{part}" for part in _DEVKIT_DATA)
    files = {f"{devkit}/labels.yaml", f"{devkit}/labelmap.txt", str(folders["presets"] / "mine.yaml")}
    files.add(str(folders["current"] / "matplotlibrc"))
    return {
        (event, path)
        for event, path in seen
        if not (event == "open" and (path.startswith(data) or path in files))
        and not (event in ("os.listdir", "os.scandir") and (path == devkit or path.startswith(data)))
    }
