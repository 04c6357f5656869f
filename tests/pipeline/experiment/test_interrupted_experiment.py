"""`vocseg experiment transfer`, killed at several stages and started again: no finished stage is repeated."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from components.run_files import (
    ARTIFACTS_FOLDER,
    EXPERIMENT_EVALUATION_FOLDER,
    EXPERIMENT_PAGE_FILE,
    EXPERIMENT_RESULTS_FILE,
    MANIFEST_FILE,
    STATE_FILE,
    TRAINING_FOLDER,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROJECT = Path(__file__).parents[3]
WAIT_SECONDS = 900
FCN8 = {"network": "fcn8", "options": {"width": 0.125, "fully_connected_channels": 0, "batch_normalization": True}}
PRESET: dict[str, Any] = {
    "data": {"devkit": "sample", "image_size": 64, "classes": ["car", "person"], "num_shards": 1},
    "sample": {"train_images": 6, "val_images": 4},
    "training": {"epochs": 5, "batch_size": 2, "distribute": "none"},
}
PRESETS: dict[str, dict[str, Any]] = {
    "with_detector": {
        **PRESET,
        "data": {**PRESET["data"], "boxes": True},
        "detector": {"width": 0.125, "batch_normalization": True, "epochs": 4, "batch_size": 3},
        "candidates": {"fcn8": FCN8, "fcn8_transfer": {**FCN8, "transfer": True}},
    },
    "of_another_size": {
        **PRESET,
        "data": {**PRESET["data"], "image_size": 32},
        "candidates": {"unet": {"network": "unet", "options": {"width": 4, "depth": 1}}},
    },
}
DETECTOR_STATES, UNET_STATES = (
    f"with_detector/{TRAINING_FOLDER}/detector/*/{STATE_FILE}",
    f"of_another_size/{TRAINING_FOLDER}/unet_seed0/*/{STATE_FILE}",
)
EVALUATION = f"with_detector/{EXPERIMENT_EVALUATION_FOLDER}"


class Experiment:
    """The command in a folder with two presets."""

    def __init__(self, folder: Path):
        self.output = folder / "output"
        folder.mkdir()
        for name, preset in PRESETS.items():
            (folder / f"{name}.yaml").write_text(yaml.safe_dump({"name": name, **preset}))

    @contextlib.contextmanager
    def started(self) -> Iterator[subprocess.Popen[str]]:
        """Starts the command; kills it and its processes at the end of the block, if it still runs."""
        presets = (part for name in PRESETS for part in ("--preset", f"{name}.yaml"))
        command = [sys.executable, "-m", "pipeline.cli", "experiment", "transfer", *presets, "--seeds", "0"]
        process = subprocess.Popen(
            [*command, "--output", str(self.output)],
            cwd=self.output.parent,
            env={**os.environ, "PYTHONPATH": str(PROJECT), "CUDA_VISIBLE_DEVICES": "-1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def kill_when(self, is_time: Callable[[], bool]) -> None:
        """Starts the command, and kills it when it is time."""
        deadline = time.monotonic() + WAIT_SECONDS
        with self.started() as process:
            while not is_time():
                assert process.poll() is None, process.communicate()[0]
                assert time.monotonic() < deadline
                time.sleep(0.005)
        assert process.returncode == -signal.SIGKILL
        assert not (self.output / EXPERIMENT_PAGE_FILE).exists()

    def finish(self) -> dict[str, Any]:
        """Runs the command to its end; returns the figures, without the settings, which name the folder."""
        with self.started() as process:
            printed, _ = process.communicate(timeout=WAIT_SECONDS)
        assert process.returncode == 0, printed
        assert (self.output / EXPERIMENT_PAGE_FILE).exists()
        figures: dict[str, Any] = json.loads((self.output / EXPERIMENT_RESULTS_FILE).read_text())
        del figures["configs"]
        return figures

    def epochs(self, states: str) -> int:
        """Returns the number of epochs of the training whose state is stored; 0 before the first and after the last."""
        for file in self.output.glob(states):
            with contextlib.suppress(FileNotFoundError):  # the training has just ended
                return len(json.loads(file.read_text())["state"]["history"]["loss"])
        return 0

    def finished(self) -> dict[str, int]:
        """Lists the finished results of all stages, and when they were."""
        return {
            str(file.relative_to(self.output)): file.stat().st_mtime_ns
            for file in self.output.rglob(MANIFEST_FILE)
            if {ARTIFACTS_FOLDER, EXPERIMENT_EVALUATION_FOLDER} & set(file.parts)
        }


def stages(results: dict[str, int]) -> list[str]:
    """Names the stage and the output of each result: its path without the number or hash of its folder."""
    return sorted(str(Path(name).parent.parent) for name in results)


@pytest.mark.slow
def test_an_experiment_that_is_killed_resumes_and_repeats_no_finished_stage(tmp_path: Path) -> None:
    """It is killed in the detector's training, in an evaluation, and in a training of the second preset."""
    killed, whole = Experiment(tmp_path / "killed"), Experiment(tmp_path / "whole")

    killed.kill_when(lambda: killed.epochs(DETECTOR_STATES) >= 1)
    before = killed.finished()
    epochs = killed.epochs(DETECTOR_STATES)
    assert any("VocExampleGen" in name for name in before)
    assert not any("Trainer" in name for name in before)

    seen: list[int] = []
    evaluation = killed.output / EVALUATION

    def evaluating() -> bool:
        seen.append(killed.epochs(DETECTOR_STATES))
        return evaluation.exists()

    killed.kill_when(evaluating)
    assert min(number for number in seen if number) >= epochs  # the detector's training continued
    trained = killed.finished()
    assert before.items() <= trained.items()
    assert sum("SegmentationTrainer" in name for name in trained) == 4  # a model and a history of each
    assert not any(EVALUATION in name for name in trained)

    killed.kill_when(lambda: killed.epochs(UNET_STATES) >= 1)
    evaluated = killed.finished()
    assert trained.items() <= evaluated.items()
    assert any(EVALUATION in name for name in evaluated)

    figures = killed.finish()
    everything = killed.finished()
    assert evaluated.items() <= everything.items()
    assert len(set(stages(everything))) == len(everything)  # nothing was made twice
    assert figures == whole.finish()
    assert stages(everything) == stages(whole.finished())
