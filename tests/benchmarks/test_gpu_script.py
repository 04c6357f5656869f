"""`benchmarks/gpu.sh` starts what exists, with settings that are valid, and ends in its time."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from benchmarks import gpu_iou
from pipeline.cli import command_parser
from pipeline.config.loading import load_config

SCRIPT = Path(__file__).parents[2] / "benchmarks/gpu.sh"
PROGRAM = """#!/bin/bash
printf '%s\\n' "$0" "$@" end >> "$CALLS"
[ -z "${HANGS:-}" ] || { trap '' INT; exec sleep 60; }
exit "${STATUS:-0}"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the script and an environment whose programs only write down how they were called."""
    (tmp_path / "benchmarks").mkdir()
    shutil.copy(SCRIPT, tmp_path / "benchmarks")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name in ("vocseg", "python"):
        program = tmp_path / ".venv/bin" / name
        program.write_text(PROGRAM)
        program.chmod(0o755)
    (tmp_path / "devkit").mkdir()
    return tmp_path


def run_script(project: Path, *arguments: str, **variables: str) -> tuple[int, str, list[list[str]]]:
    """Returns the status, the output and the calls of programs."""
    calls = project / "calls"
    calls.write_text("")
    done = subprocess.run(
        ["bash", "benchmarks/gpu.sh", *arguments],
        cwd=project,
        env={**os.environ, "CALLS": str(calls), **variables},
        capture_output=True,
        text=True,
    )
    return (
        done.returncode,
        done.stdout + done.stderr,
        [call.splitlines() for call in calls.read_text().split("\nend\n")[:-1]],
    )


def test_every_part_is_a_command_that_exists(project: Path) -> None:
    status, printed, calls = run_script(project, "devkit")
    assert status == 0, printed
    assert [Path(call[0]).name for call in calls] == ["vocseg", "python", *2 * ("vocseg", "python")]
    assert calls[1][1:] == ["-m", "benchmarks.gpu_rates", str(project / "devkit")]
    output = str(project / "runs/gpu")
    assert calls[3][1:] == ["-m", "benchmarks.gpu_iou", output, "deeplab", "0.75"]
    assert calls[5][1:] == ["-m", "benchmarks.gpu_iou", output, "fcn8", "0.65"]
    assert all(importlib.util.find_spec(call[2]) for call in calls[1::2])
    deeplab, fcn8 = (command_parser().parse_args(calls[number][1:]) for number in (2, 4))
    assert deeplab.output == fcn8.output == output
    configs = [load_config(each.preset, overrides=each.overrides, devkit=each.devkit) for each in (deeplab, fcn8)]
    assert [list(config.candidates) for config in configs] == [["deeplab"], ["fcn8"]]
    assert [config.training.epochs for config in configs] == [8, 15]
    assert configs[0].data == configs[1].data  # so that the records are converted once


def test_parts_are_selected_and_a_failure_is_the_status(project: Path) -> None:
    status, printed, calls = run_script(project, "devkit", "out", "fcn8", VGG16_WEIGHTS="my weights.h5", STATUS="3")
    assert status == 1
    assert "ended with status 3: vocseg run --preset gpu_animals" in printed
    (fcn8,) = (command_parser().parse_args(call[1:]) for call in calls)
    assert load_config(fcn8.preset, overrides=fcn8.overrides).candidates["fcn8"].options["weights"] == "my weights.h5"
    assert run_script(project, "devkit", "out", "unet")[::2] == (2, [])
    assert run_script(project, "nowhere")[::2] == (2, [])


@pytest.mark.parametrize(
    ("mean_iou", "seconds", "missed"), [(0.65, 480, 0), (0.649, 200, 1), (0.7, 481, 1), (None, 481, 2)]
)
def test_a_training_is_compared_with_its_targets(
    mean_iou: float | None, seconds: float, missed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = {
        "candidates": {"fcn8": {"mean_iou": mean_iou, "train_seconds": seconds}},
        "evaluation_split": "val",
    }
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    assert gpu_iou.main([str(tmp_path), "fcn8", "0.65"]) == (1 if missed else 0)
    printed = capsys.readouterr().out
    assert "mean IoU of fcn8 on val: " in printed
    assert (printed.count(": NOT MET"), printed.count(": met")) == (missed, 2 - missed)


def test_a_part_that_hangs_is_ended_and_the_others_are_named(project: Path) -> None:
    started = time.monotonic()
    status, printed, calls = run_script(project, "devkit", HANGS="1", GPU_SECONDS="4")
    assert status == 1
    assert len(calls) == 1
    assert "ended with status 137: vocseg doctor" in printed
    assert printed.count("no time left for") == 3
    assert time.monotonic() - started < 50
