"""A devkit, presets and an output folder for whole runs of the pipeline."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml
from rich.console import Console

from pipeline.config.loading import load_config
from tests.conftest import NODES_EXCEPT_TRAINERS
from tfds_voc_seg.sample.devkit import write_sample_devkit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.config.schema import RunConfig

TRAINERS = {"SegmentationTrainer.own", "SegmentationTrainer.unet"}
NODES = {*NODES_EXCEPT_TRAINERS, *TRAINERS}
CLASSES = ("car", "person")
SIZE = 32

NETWORK = """\
import keras


def build(image_size, num_classes):
    images = keras.Input((image_size, image_size, 3))
    scores = keras.layers.Rescaling(1 / 127.5, -1)(images)
    return keras.Model(images, keras.layers.Conv2D(num_classes, 3, padding='same')(scores))
"""
CANDIDATES = {
    "own": {"network": "lab_nets:build"},
    "unet": {"network": "unet", "options": {"width": 4, "depth": 1, "dropout": 0.0}},
}
PRESET = {
    "name": "tiny",
    "data": {"image_size": SIZE, "classes": list(CLASSES), "drop_empty": True, "num_shards": 2},
    "training": {"epochs": 2, "batch_size": 4, "learning_rate": 0.01},
    "candidates": CANDIDATES,
    "selection": {"publish_background_only": True},  # two epochs are too few for more
}


class Run(NamedTuple):
    """A run in this process.

    Attributes:
        executed: the nodes that were not cached.
        summary: its summary.
        versions: the published versions afterwards.
    """

    executed: set[str]
    summary: dict[str, Any]
    versions: list[str]


class Workspace:
    """A devkit, a network of the user's own, two presets and one output folder.

    Attributes:
        folder: the folder that contains everything.
        devkit: the devkit.
        network: the file of the network.
        preset: a preset with two candidates.
        preset_of_one: the same preset with one candidate.
        output: the output folder of the runs.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.devkit = folder / "VOC2012"
        write_sample_devkit(self.devkit, train_images=20, val_images=6)
        self.network = folder / "lab_nets.py"
        self.network.write_text(NETWORK)
        self.preset = folder / "tiny.yaml"
        self.preset.write_text(yaml.safe_dump(PRESET))
        self.preset_of_one = folder / "tiny_of_one.yaml"
        self.preset_of_one.write_text(yaml.safe_dump({**PRESET, "candidates": {"own": CANDIDATES["own"]}}))
        self.output = folder / "output"

    def config(self, *overrides: str, preset: Path | None = None) -> RunConfig:
        settings = [f"data.devkit={self.devkit}", f"output={self.output}", *overrides]
        return load_config(str(preset or self.preset), overrides=settings)

    @property
    def arguments(self) -> list[str]:
        """The arguments of `vocseg run`."""
        return ["--preset", str(self.preset), "--devkit", str(self.devkit), "--output", str(self.output)]

    def command_line(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs `vocseg run` in a process, with further options and variables."""
        command = [str(Path(sys.executable).with_name("vocseg")), "run", *self.arguments, *options]
        environment = {**os.environ, **variables}
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, env=environment)

    @contextlib.contextmanager
    def damaged_photos(self) -> Iterator[list[Path]]:
        """Damages two photos inside the `with` block."""
        photos = sorted((self.devkit / "JPEGImages").iterdir())[:2]
        contents = [photo.read_bytes() for photo in photos]
        try:
            for photo, content in zip(photos, contents, strict=True):
                photo.write_bytes(content[:100])
            yield photos
        finally:
            for photo, content in zip(photos, contents, strict=True):
                photo.write_bytes(content)

    def run(self, *overrides: str, preset: Path | None = None) -> Run:
        """Runs the pipeline in this process."""
        from pipeline.display.live import Display
        from pipeline.local.runner import run_locally

        summary = run_locally(self.config(*overrides, preset=preset), Display(Console(file=io.StringIO())))
        assert summary == json.loads((self.output / "summary.json").read_text())
        return Run(NODES - set(summary["cached"]), summary, self.versions)

    def run_until_cached(self) -> None:
        """Runs the pipeline until it executes only the Pusher: everything else is cached, the published model too."""
        assert any(self.run().executed == {"Pusher"} for _ in range(4))

    @property
    def versions(self) -> list[str]:
        """The published versions."""
        return sorted(path.name for path in (self.output / "serving").iterdir() if path.name.isdecimal())


@contextlib.contextmanager
def workspace_in(folder: Path) -> Iterator[Workspace]:
    """Makes a workspace in an empty folder; until the end of the `with` block its network can be imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield Workspace(folder)
