"""Whole runs on LocalDagRunner: what is published, what is cached, what a change makes run again."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import yaml
from PIL import Image
from rich.console import Console

from pipeline.config.loading import load_config
from pipeline.config.schema import RunConfig
from tests.conftest import NODES_BESIDE_TRAINERS
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.sample.devkit import write_sample_devkit

TRAINERS = {"SegmentationTrainer.own", "SegmentationTrainer.unet"}
NODES = {*NODES_BESIDE_TRAINERS, *TRAINERS}
CLASSES = ("car", "person")
SIZE = 32
FIGURES = ("mean_iou", "pixel_accuracy", "per_class_iou", "parameters", "train_seconds")
VOC_IDS = {"car": 7, "person": 15}

IMPOSSIBLE_RUNS = {
    "data.devkit=/no/such/devkit": "/no/such/devkit is not a VOC devkit: it has no JPEGImages",
    "candidates.own.network=no_nets:build": "candidates.own: network 'no_nets:build' cannot be imported",
    "candidates.unet.options.wdth=3": (
        "candidates.unet: network 'unet' cannot be created: unknown option 'wdth'; its options are width"
    ),
}
"""A setting → what the run says."""

RUNS = """
import json, sys
from pipeline.cli import main
for arguments in json.loads(sys.argv[1]):
    print("status", main(["run", *arguments]), flush=True)
"""
"""A program that runs the command line several times: loading TFX for each takes longer than what they do."""


class Workspace:
    """A devkit, a network of one's own and a preset, with one output folder that the tests share, in order."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.devkit = folder / "VOC2012"
        write_sample_devkit(self.devkit, train_images=20, val_images=6)
        self.network = folder / "lab_nets.py"
        self.network.write_text(
            "import keras\n\n\n"
            "def build(image_size, num_classes):\n"
            "    images = keras.Input((image_size, image_size, 3))\n"
            "    scores = keras.layers.Rescaling(1 / 127.5, -1)(images)\n"
            "    return keras.Model(images, keras.layers.Conv2D(num_classes, 3, padding='same')(scores))\n"
        )
        self.preset = folder / "tiny.yaml"
        settings = {
            "name": "tiny",
            "data": {"image_size": SIZE, "classes": list(CLASSES), "drop_empty": True, "num_shards": 2},
            "training": {"epochs": 2, "batch_size": 4, "learning_rate": 0.01},
            "candidates": {
                "own": {"network": "lab_nets:build"},
                "unet": {"network": "unet", "options": {"width": 4, "depth": 1, "dropout": 0.0}},
            },
            "selection": {"publish_background_only": True},  # two epochs teach nothing
        }
        self.preset.write_text(yaml.safe_dump(settings))
        self.preset_of_one = folder / "tiny_of_one.yaml"
        one = {"own": settings["candidates"]["own"]}
        self.preset_of_one.write_text(yaml.safe_dump({**settings, "candidates": one}))
        self.output = folder / "output"
        self.runs = 0

    def config(self, *overrides: str, preset: Path | None = None) -> RunConfig:
        settings = [f"data.devkit={self.devkit}", f"output={self.output}", *overrides]
        return load_config(str(preset or self.preset), overrides=settings)

    @property
    def arguments(self) -> list[str]:
        """What `vocseg run` is started with."""
        return ["--preset", str(self.preset), "--devkit", str(self.devkit), "--output", str(self.output)]

    def command_line(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return self._started([Path(sys.executable).with_name("vocseg"), "run", *self.arguments], variables)

    def command_lines(self, *lines: list[str], **variables: str) -> list[tuple[int, str]]:
        """Does so several times in one process; gives the status and the output of each."""
        finished = self._started([sys.executable, "-c", RUNS, json.dumps(lines)], variables)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        assert "Traceback" not in finished.stderr
        outputs = re.split(r"^status (\d+)\n", finished.stdout, flags=re.MULTILINE)
        assert outputs.pop() == ""
        return [(int(status), output) for output, status in zip(outputs[::2], outputs[1::2], strict=True)]

    def _started(self, command: list[Any], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Runs a program in this folder, where the network lies too."""
        environment = {**os.environ, **variables}
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, env=environment)

    @contextlib.contextmanager
    def damaged_photos(self) -> Iterator[list[Path]]:
        """Two photos are damaged for a while."""
        photos = sorted((self.devkit / "JPEGImages").iterdir())[:2]
        contents = [photo.read_bytes() for photo in photos]
        try:
            for photo, content in zip(photos, contents, strict=True):
                photo.write_bytes(content[:100])
            yield photos
        finally:
            for photo, content in zip(photos, contents, strict=True):
                photo.write_bytes(content)

    def run(self, *overrides: str, preset: Path | None = None) -> tuple[set[str], dict[str, Any]]:
        """Runs in this process; gives the nodes that were executed and the summary."""
        from pipeline.display.live import Display
        from pipeline.local.runner import run_locally

        summary = run_locally(self.config(*overrides, preset=preset), Display(Console(file=io.StringIO())))
        assert summary == json.loads((self.output / "summary.json").read_text())
        return NODES - set(summary["cached"]), summary

    def settle(self) -> None:
        """Runs until nothing but the pusher has anything to do: all is cached, the model in service too."""
        assert any(self.run()[0] == {"Pusher"} for _ in range(4))

    @property
    def versions(self) -> list[str]:
        return sorted(path.name for path in (self.output / "serving").iterdir())


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield Workspace(folder)


def test_first_run_from_the_command_line(workspace: Workspace) -> None:
    finished = workspace.command_line(FORCE_COLOR="1", COLUMNS="200")  # as on a terminal
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stderr == ""
    for shown in (*NODES, "epoch 2/2", "mIoU", "published to", "summary.json", "report/index.html"):
        assert shown in finished.stdout
    assert "warning" not in finished.stdout.lower()

    summary = json.loads((workspace.output / "summary.json").read_text())
    page = (workspace.output / "report" / "index.html").read_text()
    for missing in ("not put to a smoke test", "left no pictures", "holds no intervals"):
        assert missing not in page
    assert summary["report"] == str(workspace.output / "report" / "index.html")
    assert f"{summary['selected']} was published" in page
    assert "Not recorded" not in page
    assert set(summary) >= {"candidates", "baseline", "selected", "published", "reason", "seconds"}
    assert set(summary["candidates"]) == {"own", "unet"}
    for figures in summary["candidates"].values():
        assert set(figures) == {*FIGURES, "smoke_test", "refused", "reason"}
        assert figures["smoke_test"]["passed"]
        assert figures["smoke_test"]["latency_seconds"] > 0
        assert list(figures["per_class_iou"]) == ["background", *CLASSES]
    assert summary["baseline"] is None
    assert set(summary["seconds"]) == NODES
    assert summary["cached"] == []
    assert summary["published"] == str(workspace.output / "serving" / workspace.versions[0])
    assert {path.name for path in workspace.output.iterdir()} == {
        "tfx",
        "metadata.sqlite",
        "serving",
        "curves.png",
        "report",
        "logs",
        "training",
        "summary.json",
    }


def test_mean_iou_is_that_of_the_published_model_on_the_masks(workspace: Workspace) -> None:
    """Worked out with numpy alone from the devkit's own files."""
    summary = json.loads((workspace.output / "summary.json").read_text())
    model = tf.saved_model.load(summary["published"])
    intersection, union, correct, valid = np.zeros(3), np.zeros(3), 0, 0
    used = 0
    for image_id in (workspace.devkit / "ImageSets/Segmentation/val.txt").read_text().split():
        mask = np.array(Image.open(workspace.devkit / f"SegmentationClass/{image_id}.png"))
        if not np.isin(mask, list(VOC_IDS.values())).any():
            continue
        used += 1
        rows, columns = ((np.arange(SIZE) * 2 + 1) * side // (2 * SIZE) for side in mask.shape)
        mask = mask[rows][:, columns]
        truth = np.select([mask == VOC_IDS[name] for name in CLASSES] + [mask == VOID], [1, 2, VOID], 0)
        photo = (workspace.devkit / f"JPEGImages/{image_id}.jpg").read_bytes()
        predicted = model.signatures["serving_default"](image_bytes=tf.constant([photo]))["class_map"].numpy()[0]
        seen = truth != VOID
        correct, valid = correct + (truth == predicted)[seen].sum(), valid + seen.sum()
        for index in range(3):
            intersection[index] += ((truth == index) & (predicted == index) & seen).sum()
            union[index] += (((truth == index) | (predicted == index)) & seen).sum()
    assert used
    figures = summary["candidates"][summary["selected"]]
    assert figures["mean_iou"] == pytest.approx((intersection / union).mean(), abs=1e-6)
    assert figures["pixel_accuracy"] == pytest.approx(correct / valid, abs=1e-6)
    assert list(figures["per_class_iou"].values()) == pytest.approx(intersection / union, abs=1e-6)


def test_a_second_run_trains_nothing_and_publishes_nothing(workspace: Workspace) -> None:
    before = workspace.versions
    executed, summary = workspace.run()
    assert executed == {"PublishedModel", "SegmentationEvaluator", "ModelSelector", "Pusher"}
    assert workspace.versions == before
    assert summary["published"] is None
    assert "nothing new published" in summary["reason"]
    assert "does not beat the model in service" in summary["reason"]
    best = summary["candidates"][summary["selected"]]
    assert summary["baseline"] == {name: best[name] for name in FIGURES}


def test_a_third_run_executes_nothing_but_the_pusher(workspace: Workspace) -> None:
    executed, summary = workspace.run()
    assert executed == {"Pusher"}
    assert summary["published"] is None


def test_a_report_that_can_not_be_written_is_said_and_the_run_stands(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.display.live import Display
    from pipeline.local.runner import run_locally

    def full(output: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr("pipeline.local.runner.write_report", full)
    shown = io.StringIO()
    summary = run_locally(workspace.config(), Display(Console(file=shown, width=200)))
    assert summary["report"] is None
    assert "the report could not be written: OSError: no space left" in shown.getvalue()
    assert (workspace.output / "summary.json").is_file()


def test_where_beam_runs_and_how_the_devkit_is_named_change_nothing(workspace: Workspace) -> None:
    moved = workspace.devkit.parent / "VOCdevkit"
    moved.mkdir()
    (moved / "VOC2012").symlink_to(workspace.devkit)
    executed, _ = workspace.run("beam.args=[--runner=FnApiRunner]", f"data.devkit={moved}")
    assert executed == {"Pusher"}


def test_an_emptied_publishing_folder_is_filled_again_without_training(workspace: Workspace) -> None:
    shutil.rmtree(workspace.output / "serving")
    executed, summary = workspace.run()
    assert not executed & {*TRAINERS, "VocExampleGen"}
    assert summary["published"] == str(workspace.output / "serving" / workspace.versions[0])


@pytest.mark.slow  # the fingerprint itself: test_code_fingerprint.py
def test_a_changed_line_of_a_network_trains_that_one_alone(workspace: Workspace) -> None:
    workspace.settle()
    workspace.network.write_text(workspace.network.read_text() + "# one line more\n")
    executed, _ = workspace.run()
    after = {"SegmentationEvaluator", "ModelSmokeTest", "ModelSelector", "Pusher"}
    assert executed == {"SegmentationTrainer.own", *after}


@pytest.mark.slow  # the fingerprint itself: test_devkit.py
def test_a_changed_mask_converts_and_trains_again(workspace: Workspace) -> None:
    workspace.settle()
    mask_file = sorted((workspace.devkit / "SegmentationClass").iterdir())[0]
    with Image.open(mask_file) as image:
        mask = image.copy()
    mask.putpixel((0, 0), 7)
    mask.save(mask_file)
    executed, _ = workspace.run()
    assert executed == NODES - {"CuratedSchema", "PublishedModel"}
    executed, _ = workspace.run()
    assert "VocExampleGen" not in executed


class Refused(NamedTuple):
    """Runs that can not be, from the command line: the status and the output of each."""

    damaged_photos: tuple[int, str]
    by_setting: dict[str, tuple[int, str]]
    summary_before: str


@pytest.fixture(scope="module")
def refused(workspace: Workspace) -> Refused:
    summary_before = (workspace.output / "summary.json").read_text()
    elsewhere = ["--preset", str(workspace.preset), "--output", str(workspace.folder / "other")]
    devkit = ["--set", f"data.devkit={workspace.devkit}"]
    lines = {setting: [*elsewhere, *devkit, "--set", setting] for setting in IMPOSSIBLE_RUNS}
    with workspace.damaged_photos():
        damaged, *others = workspace.command_lines(workspace.arguments, *lines.values(), COLUMNS="200")
    return Refused(damaged, dict(zip(lines, others, strict=True)), summary_before)


@pytest.mark.parametrize("setting", IMPOSSIBLE_RUNS)
def test_a_run_that_can_not_be_says_why(refused: Refused, setting: str) -> None:
    status, output = refused.by_setting[setting]
    assert status == 1
    assert f"error: {IMPOSSIBLE_RUNS[setting]}" in output
    assert "Traceback" not in output


def test_damaged_files_are_named_and_the_last_summary_stays(workspace: Workspace, refused: Refused) -> None:
    status, output = refused.damaged_photos
    assert status == 1
    assert "2 problem(s) with the devkit's pairs" in output
    for shown in ("cannot be decoded as a photo", "restore the file", "what to do"):
        assert shown in output
    assert "Traceback" not in output
    assert (workspace.output / "summary.json").read_text() == refused.summary_before

    with workspace.damaged_photos() as damaged:
        skipping = ("data.on_bad_pair=skip", "data.max_bad_fraction=0.5")
        executed, summary = workspace.run(*skipping, preset=workspace.preset_of_one)
    assert "VocExampleGen" in executed
    names = {photo.stem for photo in damaged}
    assert {problem["image_id"] for problem in summary["rejected"]} == names
    for name in names:
        assert name in output
