"""The smoke test on real SavedModels, good ones and broken ones; what a process of its own is for, in a real one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf
from tfx import types
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.artifacts.records import read_records
from components.model_smoke_test import checks, executor
from components.model_smoke_test.component import ModelSmokeTest
from components.model_smoke_test.executor import write_requests
from components.model_smoke_test.process import smoke_test
from components.model_smoke_test.smoke_test_config import SmokeTestConfig
from components.saved_model.description import ModelDescription
from components.saved_model.export import export_saved_model
from tests.conftest import CLASSES, IMAGE_SIZE

NAMES = ("background", *CLASSES)
CONFIG = SmokeTestConfig(records=3, latency_requests=2)
CHECKS = (
    "load",
    "description",
    "image files",
    "empty batch",
    "corrupt images",
    "agreement with the evaluation",
    "latency",
)


class Unlike(keras.layers.Layer):
    """Shows something else to each signature, or dies: what a network can do to its server."""

    def __init__(self, how: str, **options: Any):
        super().__init__(**options)
        self.how = how

    def build(self, _: Any) -> None:
        self.calls = self.add_weight(name="calls", shape=(), initializer="zeros", trainable=False)

    def call(self, scores: Any) -> Any:
        if self.how == "no empty batch":
            with tf.control_dependencies([tf.debugging.assert_greater(tf.shape(scores)[0], 0, "give me an image")]):
                return tf.identity(scores)
        if self.how == "by the call":
            number = self.calls.assign_add(1.0)
            return tf.roll(scores, tf.cast(number, tf.int32), axis=-1)
        if self.how == "not finite":
            return scores / 0.0
        return scores


def export(folder: Path, how: str = "", names: tuple[str, ...] = NAMES) -> Path:
    images = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3))
    initializer = keras.initializers.RandomNormal(seed=1)
    scores = keras.layers.Conv2D(len(NAMES), 3, padding="same", kernel_initializer=initializer)(images)
    network = keras.Model(images, Unlike(how)(scores))
    export_saved_model(network, ModelDescription(names, IMAGE_SIZE, "small", {}, {}, 9, 1.5), folder)
    return folder


@pytest.fixture(scope="module")
def requests(examples: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("requests")
    write_requests(read_records(examples), CONFIG.records, folder)
    return folder


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the checks here: what they find in a model is the same, and TensorFlow is loaded already."""

    def run(command: list[str], folder: str, _: float) -> str | None:
        assert command[:3] == [sys.executable, "-m", checks.__name__]
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", command[2:])
            patch.chdir(folder)
            return None if checks.main() == 0 else "the checks failed"

    monkeypatch.setattr("components.model_smoke_test.process._run", run)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("good") / "1")


def test_a_good_model_passes(good: Path, requests: Path) -> None:
    held_by_this_process = bytearray(1_500_000_000)  # must not count: it is not the model's memory
    held_by_this_process[::4096] = b"x" * len(held_by_this_process[::4096])
    result = smoke_test(str(good), requests, CONFIG)
    assert (result["problems"], result["passed"]) == ([], True)
    assert tuple(check["check"] for check in result["checks"]) == CHECKS
    assert all(check["passed"] and check["detail"] for check in result["checks"])
    assert 0 < result["latency_seconds"] < 60
    assert 0 < result["load_seconds"] < 60
    assert 100e6 < result["peak_memory_bytes"] < 1.5e9
    assert set(result) == {
        "passed",
        "problems",
        "checks",
        "latency_seconds",
        "peak_memory_bytes",
        "load_seconds",
    }


def test_the_checks_load_tensorflow_and_nothing_of_this_project(good: Path, requests: Path, tmp_path: Path) -> None:
    program = f"""
import runpy, sys
sys.argv = ["checks", {str(good)!r}, {str(requests)!r}, "journal.jsonl", "--latency-requests", "1"]
try:
    runpy.run_module("components.model_smoke_test.checks", run_name="__main__")
except SystemExit as end:
    assert end.code == 0
loaded = {{name for name in sys.modules if name.split(".")[0] in ("components", "pipeline", "tfds_voc_seg", "tfx")}}
print(sorted(loaded))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True, env=environment
    )
    loaded = finished.stdout.splitlines()[-1]
    assert loaded == "['components', 'components.model_smoke_test', 'components.model_smoke_test.checks']" or (
        loaded == "['components', 'components.model_smoke_test']"
    )


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ("no empty batch", "empty batch: InvalidArgumentError: "),
        ("not finite", "image files: scores are not all finite"),
        ("by the call", "agreement with the evaluation: serving_default gives another class than the evaluation in "),
    ],
)
@pytest.mark.usefixtures("in_this_process")
def test_a_network_that_only_fails_when_it_is_served(
    how: str, problem: str, requests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "no empty batch":  # which the export keeps from networks
        monkeypatch.setattr("components.saved_model.export._at_least_one", lambda images: images)
    result = smoke_test(str(export(tmp_path / "1", how)), requests, CONFIG)
    assert not result["passed"]
    assert any(found.startswith(problem) for found in result["problems"])
    assert result["peak_memory_bytes"] > 0


@pytest.mark.usefixtures("in_this_process")
def test_a_model_that_names_other_classes_than_it_has(requests: Path, tmp_path: Path) -> None:
    result = smoke_test(str(export(tmp_path / "1", names=NAMES[:-1])), requests, CONFIG)
    assert result["problems"] == [
        f"description: assets/segmentation.json names {len(NAMES) - 1} classes, scores {len(NAMES)}"
    ]


@pytest.mark.parametrize("damaged", ["saved_model.pb", "variables/variables.index", "assets/segmentation.json"])
@pytest.mark.usefixtures("in_this_process")
def test_a_damaged_model(damaged: str, good: Path, requests: Path, tmp_path: Path) -> None:
    model = shutil.copytree(good, tmp_path / "1")
    (model / damaged).unlink()
    result = smoke_test(str(model), requests, CONFIG)
    assert not result["passed"]
    (problem,) = result["problems"]
    assert problem.startswith(("load: ", "description: "))
    assert result["latency_seconds"] is None


class _Other(tf.Module):
    """A SavedModel of somebody else."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="numbers")])
    def double(self, numbers: Any) -> Any:
        return {"doubled": 2 * numbers}


@pytest.mark.usefixtures("in_this_process")
def test_a_model_of_another_kind(requests: Path, tmp_path: Path) -> None:
    other = _Other()
    tf.saved_model.save(other, str(tmp_path / "1"), signatures={"serving_default": other.double})
    (problem,) = smoke_test(str(tmp_path / "1"), requests, CONFIG)["problems"]
    assert problem == (
        "load: the signature serving_default takes numbers and gives doubled, not image_bytes and class_map and scores"
    )


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("import os; os.kill(os.getpid(), 9)", "image files: the process was killed by SIGKILL"),
        ("import os; os.abort()", "image files: the process was killed by SIGABRT"),
        (
            "raise SystemExit('out of luck')",
            "image files: the process ended with status 1; its last words: out of luck",
        ),
        ("import time; time.sleep(600)", "image files: the process was not through after 10 s and was ended"),
    ],
)
def test_a_process_that_dies_or_hangs_is_a_failed_test(
    program: str, problem: str, requests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place of the checks, a module that begins like them."""
    (tmp_path / "deadly_checks.py").write_text(
        "import sys\n"
        "with open(sys.argv[3], 'w') as journal:\n"
        """    journal.write('{"started": "load"}\\n{"check": "load", "passed": true, "detail": "well"}\\n')\n"""
        """    journal.write('{"started": "image files"}\\n{"che')\n"""
        f"{program}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("components.model_smoke_test.process.CHECKS_MODULE", "deadly_checks")
    result = smoke_test("model", requests, SmokeTestConfig(timeout_seconds=10))
    assert not result["passed"]
    assert result["problems"][0].startswith(problem)
    assert result["checks"] == [{"check": "load", "passed": True, "detail": "well"}]
    assert result["peak_memory_bytes"] is None


def test_the_component_tests_every_candidate(
    good: Path, examples: Any, make_artifact: Callable[..., Any], tmp_path: Path
) -> None:
    models = {name: make_artifact("Model", tmp_path / name) for name in ("broken", "whole")}
    for name, model in models.items():
        shutil.copytree(good, path_utils.serving_model_dir(model.uri))
        if name == "broken":
            (Path(path_utils.serving_model_dir(model.uri)) / "saved_model.pb").write_bytes(b"no model")
    component = ModelSmokeTest(
        types.Channel(type=standard_artifacts.Examples),
        {name: types.Channel(type=standard_artifacts.Model) for name in models},
        SmokeTestConfig(records=100, latency_requests=1),  # there are fewer
    )
    tested = make_artifact("ModelEvaluation", tmp_path / "smoke_test")
    executor.Executor().Do(
        {"examples": [examples], **{f"model_{name}": [model] for name, model in models.items()}},
        {"smoke_test": [tested]},
        component.exec_properties,
    )
    results = json.loads((tmp_path / "smoke_test/smoke_test.json").read_text())["candidates"]
    assert {name: result["passed"] for name, result in results.items()} == {"broken": False, "whole": True}
