"""The smoke test on real SavedModels, good and broken ones, and on processes that die or hang."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import pytest
import tensorflow as tf
from tfx import types
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.artifacts.records import read_records
from components.model_smoke_test import checks, executor
from components.model_smoke_test.component import ModelSmokeTest
from components.model_smoke_test.process import smoke_test
from components.model_smoke_test.request_files import write_requests
from components.model_smoke_test.smoke_test_config import SmokeTestConfig
from components.saved_model.description import ModelDescription
from components.saved_model.export import export_saved_model
from tests.components.model_smoke_test.checks_here import run_checks_in_this_process
from tests.conftest import CLASSES, IMAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

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


class Defect(keras.layers.Layer):
    """Makes a network fail in one of the ways that only show when it is served."""

    def __init__(self, defect: str, **options: Any):
        super().__init__(**options)
        self.defect = defect

    def build(self, _: Any) -> None:
        self.calls = self.add_weight(name="calls", shape=(), initializer="zeros", trainable=False)

    def call(self, scores: Any) -> Any:
        if self.defect == "fails on an empty batch":
            with tf.control_dependencies([tf.debugging.assert_greater(tf.shape(scores)[0], 0, "give me an image")]):
                return tf.identity(scores)
        if self.defect == "changes with each call":
            number = self.calls.assign_add(1.0)
            return tf.roll(scores, tf.cast(number, tf.int32), axis=-1)
        if self.defect == "not finite":
            return scores / 0.0
        return scores


def export(folder: Path, defect: str = "", names: tuple[str, ...] = NAMES) -> Path:
    images = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3))
    initializer = keras.initializers.RandomNormal(seed=1)
    scores = keras.layers.Conv2D(len(NAMES), 3, padding="same", kernel_initializer=initializer)(images)
    network = keras.Model(images, Defect(defect)(scores))
    export_saved_model(network, ModelDescription(names, IMAGE_SIZE, "small", {}, {}, 9, 1.5), folder)
    return folder


@pytest.fixture(scope="module")
def requests(examples: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("requests")
    write_requests(read_records(examples), CONFIG.records, folder)
    return folder


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    run_checks_in_this_process(monkeypatch)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("good") / "1")


@pytest.fixture
def loaded_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in which a Python process that this test starts lists its modules when it ends."""
    file = tmp_path / "modules.txt"
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, pathlib, sys\n"
        f"atexit.register(lambda: pathlib.Path({str(file)!r}).write_text(' '.join(sys.modules)))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return file


def test_a_good_model_passes_in_a_process_that_loads_nothing_else_of_this_project(
    good: Path, requests: Path, loaded_modules: Path
) -> None:
    memory_of_this_process = bytearray(1_500_000_000)  # the checks run in another process and must not count it
    memory_of_this_process[::4096] = b"x" * len(memory_of_this_process[::4096])
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
    modules = set(loaded_modules.read_text().split())
    assert "tensorflow" in modules
    ours = {name for name in modules if name.split(".")[0] in ("components", "pipeline", "tfds_voc_seg", "tfx")}
    package = "components.model_smoke_test"
    assert ours - {checks.__name__} == {"components", package, f"{package}.expectations"}


@pytest.mark.parametrize(
    ("defect", "problem"),
    [
        pytest.param("fails on an empty batch", "empty batch: InvalidArgumentError: ", marks=pytest.mark.slow),
        ("not finite", "image files: scores are not all finite"),
        pytest.param(
            "changes with each call",
            "agreement with the evaluation: serving_default returns another class than the evaluation in ",
            marks=pytest.mark.slow,
        ),
    ],
)
@pytest.mark.usefixtures("in_this_process")
def test_a_network_that_only_fails_when_it_is_served(
    defect: str, problem: str, requests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if defect == "fails on an empty batch":  # the export normally hides empty batches from the network
        monkeypatch.setattr("components.saved_model.export._pad_empty_batch", lambda images: images)
    result = smoke_test(str(export(tmp_path / "1", defect)), requests, CONFIG)
    assert not result["passed"]
    assert any(found.startswith(problem) for found in result["problems"])
    assert result["peak_memory_bytes"] > 0


@pytest.mark.usefixtures("in_this_process")
def test_a_model_whose_description_names_too_few_classes(requests: Path, tmp_path: Path) -> None:
    result = smoke_test(str(export(tmp_path / "1", names=NAMES[:-1])), requests, CONFIG)
    assert result["problems"] == [
        f"description: assets/segmentation.json names {len(NAMES) - 1} classes, but scores has {len(NAMES)} channels"
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


class OtherModule(tf.Module):
    """A module that this project did not export."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="numbers")])
    def double(self, numbers: Any) -> Any:
        return {"doubled": 2 * numbers}


@pytest.mark.usefixtures("in_this_process")
def test_a_model_of_another_kind(requests: Path, tmp_path: Path) -> None:
    other = OtherModule()
    tf.saved_model.save(other, str(tmp_path / "1"), signatures={"serving_default": other.double})
    (problem,) = smoke_test(str(tmp_path / "1"), requests, CONFIG)["problems"]
    assert problem == (
        "load: the signature serving_default takes numbers and returns doubled; "
        "expected: image_bytes, and class_map and scores"
    )


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("import os; os.kill(os.getpid(), 9)", "image files: the process was killed by SIGKILL"),
        ("import os; os.abort()", "image files: the process was killed by SIGABRT"),
        (
            "raise SystemExit('out of luck')",
            "image files: the process ended with status 1; its last line of output: out of luck",
        ),
        ("import time; time.sleep(600)", "image files: the process did not finish within 10 s and was killed"),
    ],
)
def test_a_process_that_dies_or_hangs_is_a_failed_test(
    program: str, problem: str, requests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process runs a module that replaces the checks: it writes the same first lines and then fails."""
    (tmp_path / "failing_checks.py").write_text(
        "import sys\n"
        "with open(sys.argv[3], 'w') as journal:\n"
        """    journal.write('{"started": "load"}\\n{"check": "load", "passed": true, "detail": "well"}\\n')\n"""
        """    journal.write('{"started": "image files"}\\n{"che')\n"""
        f"{program}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("components.model_smoke_test.process.CHECKS_MODULE", "failing_checks")
    result = smoke_test("model", requests, SmokeTestConfig(timeout_seconds=10))
    assert not result["passed"]
    assert result["problems"][0].startswith(problem)
    assert result["checks"] == [{"check": "load", "passed": True, "detail": "well"}]
    assert result["peak_memory_bytes"] is None


@pytest.mark.usefixtures("in_this_process")
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
        SmokeTestConfig(records=100, latency_requests=1),  # the split has fewer records
    )
    tested = make_artifact("ModelEvaluation", tmp_path / "smoke_test")
    executor.Executor().Do(
        {"examples": [examples], **{f"model_{name}": [model] for name, model in models.items()}},
        {"smoke_test": [tested]},
        component.exec_properties,
    )
    results = json.loads((tmp_path / "smoke_test/smoke_test.json").read_text())["candidates"]
    assert {name: result["passed"] for name, result in results.items()} == {"broken": False, "whole": True}
