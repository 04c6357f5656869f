"""Whole runs on LocalDagRunner: what they publish, which nodes are cached, and what a change executes again."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from rich.console import Console

from tests.e2e.run_workspace import CLASSES, NODES, SIZE, TRAINERS, Run, Workspace, workspace_in
from tfds_voc_seg.labels import VOID

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

METRICS = ("mean_iou", "pixel_accuracy", "per_class_iou", "parameters", "train_seconds")
VOC_IDS = {"car": 7, "person": 15}

INVALID_RUNS = {
    "data.devkit=/no/such/devkit": "/no/such/devkit is not a VOC devkit: it has no JPEGImages",
    "candidates.own.network=no_nets:build": "candidates.own: network 'no_nets:build' cannot be imported",
    "candidates.unet.options.wdth=3": (
        "candidates.unet: network 'unet' cannot be created: unknown option 'wdth'; its options are width"
    ),
}
"""A setting → the error message of the run."""


@dataclasses.dataclass(frozen=True)
class History:
    """Four runs in a row with one output folder.

    Attributes:
        command: the first run, from the command line.
        summary: its summary.
        page: its report.
        contents: the names of the files and folders in its output folder.
        versions: the versions that it has published.
        model: a copy of the published model.
        second: a run without changes.
        third: another run without changes.
        renamed: a run with other Beam options and the devkit under another name.
    """

    command: subprocess.CompletedProcess[str]
    summary: dict[str, Any]
    page: str
    contents: set[str]
    versions: list[str]
    model: Path
    second: Run
    third: Run
    renamed: Run


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with workspace_in(tmp_path_factory.mktemp("workspace")) as workspace:
        yield workspace


@pytest.fixture(scope="module")
def history(workspace: Workspace) -> History:
    """The first runs. All other runs come later, since they use this fixture."""
    command = workspace.command_line(FORCE_COLOR="1", COLUMNS="200")  # as on a terminal
    assert command.returncode == 0, command.stdout + command.stderr
    summary = json.loads((workspace.output / "summary.json").read_text())
    model = workspace.folder / "published_model"
    shutil.copytree(summary["published"], model)
    page = (workspace.output / "report" / "index.html").read_text()
    contents = {path.name for path in workspace.output.iterdir()}
    versions = workspace.versions
    second, third = workspace.run(), workspace.run()
    renamed_devkit = workspace.folder / "VOCdevkit"
    renamed_devkit.mkdir()
    (renamed_devkit / "VOC2012").symlink_to(workspace.devkit)
    renamed = workspace.run("beam.args=[--runner=FnApiRunner]", f"data.devkit={renamed_devkit}")
    return History(command, summary, page, contents, versions, model, second, third, renamed)


def test_the_first_run_shows_its_progress(history: History) -> None:
    assert history.command.stderr == ""
    for shown in (*NODES, "epoch 2/2", "mIoU", "published to", "summary.json", "report/index.html"):
        assert shown in history.command.stdout
    assert "warning" not in history.command.stdout.lower()


def test_the_first_run_writes_its_summary_and_report(history: History, workspace: Workspace) -> None:
    summary, output = history.summary, workspace.output
    for missing in ("not put to a smoke test", "left no pictures", "holds no intervals"):
        assert missing not in history.page
    assert summary["report"] == str(output / "report" / "index.html")
    assert f"{summary['selected']} was published" in history.page
    assert "Not recorded" not in history.page
    assert set(summary) >= {"candidates", "baseline", "selected", "published", "reason", "seconds"}
    assert (summary["evaluation_split"], summary["epoch_selected_on_evaluation_split"]) == ("val", True)
    assert set(summary["candidates"]) == {"own", "unet"}
    for metrics in summary["candidates"].values():
        assert set(metrics) == {*METRICS, "smoke_test", "refused", "reason"}
        assert metrics["smoke_test"]["passed"]
        assert metrics["smoke_test"]["latency_seconds"] > 0
        assert list(metrics["per_class_iou"]) == ["background", *CLASSES]
    assert summary["baseline"] is None
    assert set(summary["seconds"]) == NODES
    assert summary["cached"] == []
    assert summary["published"] == str(output / "serving" / history.versions[0])
    assert history.contents == {
        ".lock",
        "tfx",
        "metadata.sqlite",
        "serving",
        "curves.png",
        "report",
        "logs",
        "training",
        "summary.json",
    }


def test_mean_iou_is_that_of_the_published_model_on_the_masks(history: History, workspace: Workspace) -> None:
    """Computes the metrics with numpy alone from the devkit's own files."""
    model = tf.saved_model.load(str(history.model))
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
        not_void = truth != VOID
        correct, valid = correct + (truth == predicted)[not_void].sum(), valid + not_void.sum()
        for index in range(3):
            intersection[index] += ((truth == index) & (predicted == index) & not_void).sum()
            union[index] += (((truth == index) | (predicted == index)) & not_void).sum()
    assert used
    metrics = history.summary["candidates"][history.summary["selected"]]
    assert metrics["mean_iou"] == pytest.approx((intersection / union).mean(), abs=1e-6)
    assert metrics["pixel_accuracy"] == pytest.approx(correct / valid, abs=1e-6)
    assert list(metrics["per_class_iou"].values()) == pytest.approx(intersection / union, abs=1e-6)


def test_a_second_run_trains_nothing_and_publishes_nothing(history: History) -> None:
    executed, summary, versions = history.second
    assert executed == {"PublishedModel", "SegmentationEvaluator", "ModelSelector", "Pusher"}
    assert versions == history.versions
    assert summary["published"] is None
    assert "nothing new published" in summary["reason"]
    assert "does not beat the model in service" in summary["reason"]
    best = summary["candidates"][summary["selected"]]
    assert summary["baseline"] == {name: best[name] for name in METRICS}


def test_a_third_run_executes_only_the_pusher(history: History) -> None:
    assert history.third.executed == {"Pusher"}
    assert history.third.summary["published"] is None


def test_beam_options_and_the_devkits_name_do_not_change_the_cache_key(history: History) -> None:
    assert history.renamed.executed == {"Pusher"}


@pytest.mark.usefixtures("history")
def test_an_error_of_the_report_is_shown_and_does_not_fail_the_run(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.display.live import Display
    from pipeline.local.runner import run_locally

    def disk_full(_: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr("pipeline.local.runner.write_report", disk_full)
    shown = io.StringIO()
    summary = run_locally(workspace.config(), Display(Console(file=shown, width=200)))
    assert summary["report"] is None
    assert "the report could not be written: OSError: no space left" in shown.getvalue()
    assert (workspace.output / "summary.json").is_file()


@pytest.mark.usefixtures("history")
def test_an_emptied_publishing_folder_is_filled_again_without_training(workspace: Workspace) -> None:
    shutil.rmtree(workspace.output / "serving")
    executed, summary, versions = workspace.run()
    assert not executed & {*TRAINERS, "VocExampleGen"}
    assert summary["published"] == str(workspace.output / "serving" / versions[0])


@pytest.mark.slow  # test_code_fingerprint.py tests the fingerprint itself
@pytest.mark.usefixtures("history")
def test_a_changed_network_is_the_only_one_trained_again(workspace: Workspace) -> None:
    workspace.run_until_cached()
    workspace.network.write_text(workspace.network.read_text() + "# one line more\n")
    after = {"SegmentationEvaluator", "ModelSmokeTest", "ModelSelector", "Pusher"}
    assert workspace.run().executed == {"SegmentationTrainer.own", *after}


@pytest.mark.slow  # test_fingerprint.py tests the fingerprint itself
@pytest.mark.usefixtures("history")
def test_a_changed_mask_is_converted_and_trained_again(workspace: Workspace) -> None:
    workspace.run_until_cached()
    first_image = (workspace.devkit / "ImageSets/Segmentation/train.txt").read_text().split()[0]
    mask_file = workspace.devkit / f"SegmentationClass/{first_image}.png"
    with Image.open(mask_file) as image:
        mask = image.copy()
    mask.putpixel((0, 0), 7)
    mask.save(mask_file)
    assert workspace.run().executed == NODES - {"CuratedSchema", "PublishedModel"}
    assert "VocExampleGen" not in workspace.run().executed


@pytest.fixture
def failed_output(
    workspace: Workspace,
    history: History,  # noqa: ARG001 (runs first)
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[list[str]], str]:
    """Runs `vocseg run` in this process, which has imported TFX; returns the output of the run, which must fail."""
    from pipeline.cli import main

    def run(arguments: list[str]) -> str:
        monkeypatch.chdir(workspace.folder)
        monkeypatch.setenv("COLUMNS", "200")
        with os.fdopen(2, "w", buffering=1, closefd=False) as stderr:  # which the command redirects to its log
            monkeypatch.setattr("sys.stderr", stderr)
            assert main(["run", *arguments]) == 1
        output, errors = capfd.readouterr()
        assert "Traceback" not in output + errors
        return output

    return run


@pytest.mark.parametrize("setting", INVALID_RUNS)
def test_an_invalid_run_prints_the_reason(
    failed_output: Callable[[list[str]], str], workspace: Workspace, setting: str
) -> None:
    other_output = ["--preset", str(workspace.preset), "--output", str(workspace.folder / "other")]
    output = failed_output([*other_output, "--set", f"data.devkit={workspace.devkit}", "--set", setting])
    assert f"error: {INVALID_RUNS[setting]}" in output


def test_damaged_photos_are_named_and_the_last_summary_is_kept(
    failed_output: Callable[[list[str]], str], workspace: Workspace
) -> None:
    before = (workspace.output / "summary.json").read_bytes()
    with workspace.damaged_photos() as damaged:
        output = failed_output(workspace.arguments)
    assert "2 problem(s) with the devkit's pairs" in output
    for shown in ("cannot be decoded as a photo", "restore the file", "what to do", *(photo.stem for photo in damaged)):
        assert shown in output
    assert (workspace.output / "summary.json").read_bytes() == before


@pytest.mark.slow
@pytest.mark.usefixtures("history")
def test_damaged_photos_can_be_skipped(workspace: Workspace) -> None:
    with workspace.damaged_photos() as damaged:
        skipping = ("data.on_bad_pair=skip", "data.max_bad_fraction=0.5")
        executed, summary, _ = workspace.run(*skipping, preset=workspace.preset_of_one)
    assert "VocExampleGen" in executed
    assert {problem["image_id"] for problem in summary["rejected"]} == {photo.stem for photo in damaged}
