"""Runs SegmentationEvaluator on real SavedModels that always predict the same class."""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tensorflow as tf
from tfx import types
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.manifest import write_manifest
from components.run_files import EVALUATION_FILE, SMOKE_TEST_FILE
from components.saved_model.model_digest import model_digest
from components.segmentation_evaluator import executor
from components.segmentation_evaluator.component import SegmentationEvaluator
from tests.conftest import CLASSES, IMAGE_SIZE
from tfds_voc_seg.record_config import RecordConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

BEAM_ARGS = ["--runner=DirectRunner", "--allow_unsafe_triggers"]


@pytest.fixture(scope="module")
def evaluate_in(examples: Any, devkit: Path, make_artifact: Callable[..., Any]) -> Callable[..., Any]:
    """Runs SegmentationEvaluator in a folder; returns its artifact and the content of `evaluation.json`."""

    def run(
        folder: Path,
        models: dict[str, Any],
        baseline: Any,
        masks: Path | None = devkit,
        failed: Collection[str] = (),
        records: Any = examples,
    ) -> tuple[Any, dict[str, Any]]:
        evaluation = make_artifact("ModelEvaluation", folder / "evaluation")
        smoke_test = make_artifact("ModelEvaluation", folder / "smoke_test")
        (folder / "smoke_test").mkdir(exist_ok=True)
        tests = {
            name: {
                "passed": name not in failed,
                "problems": ["load: no"],
                "digest": model_digest(path_utils.serving_model_dir(model.uri)),
            }
            for name, model in models.items()
        }
        (folder / "smoke_test" / SMOKE_TEST_FILE).write_text(json.dumps({"candidates": tests}))
        inputs = {f"model_{name}": [model] for name, model in models.items()}
        inputs |= {"examples": [records], "smoke_test": [smoke_test], "baseline": [baseline]}
        context = executor.Executor.Context(beam_pipeline_args=BEAM_ARGS, tmp_dir=str(folder))
        channel = types.Channel(type=standard_artifacts.Model)
        component = SegmentationEvaluator(
            types.Channel(type=standard_artifacts.Examples),
            dict.fromkeys(models, channel),
            types.Channel(type=standard_artifacts.ModelEvaluation),
            channel,
            devkit=str(masks or ""),
            record_config=RecordConfig(IMAGE_SIZE, CLASSES),
        )
        executor.Executor(context).Do(inputs, {"evaluation": [evaluation]}, component.exec_properties)
        return evaluation, json.loads((folder / "evaluation" / EVALUATION_FILE).read_text())

    return run


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders of the SavedModels that this process has loaded."""
    load, folders = tf.saved_model.load, list[str]()

    def recorded(folder: str) -> Any:
        folders.append(folder)
        return load(folder)

    monkeypatch.setattr(tf.saved_model, "load", recorded)
    return folders


@pytest.fixture
def published(model_in_service: Callable[[Path, Path], Any], tmp_path: Path) -> Callable[[Path], Any]:
    """Returns the Model artifact of the model in service in a serving folder."""
    return functools.partial(model_in_service, tmp_path / "published")


@pytest.fixture
def evaluate(evaluate_in: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    return functools.partial(evaluate_in, tmp_path)


@pytest.fixture(scope="module")
def evaluated(
    evaluate_in: Callable[..., tuple[Any, dict[str, Any]]],
    model_in_service: Callable[[Path, Path], Any],
    model_of: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Any, dict[str, Any]]:
    """Evaluates three candidates, one of which is named `baseline` but is not the model in service."""
    folder = tmp_path_factory.mktemp("evaluated")
    shutil.copytree(path_utils.serving_model_dir(model_of(3).uri), folder / "serving" / "17")
    models = {"ground": model_of(0), "cars": model_of(3), "baseline": model_of(1)}
    return evaluate_in(folder, models, model_in_service(folder / "published", folder / "serving"))


@pytest.fixture(scope="module")
def partly_evaluated(
    evaluate_in: Callable[..., tuple[Any, dict[str, Any]]],
    model_in_service: Callable[[Path, Path], Any],
    model_of: Callable[..., Any],
    make_artifact: Callable[..., Any],
    examples: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Evaluates one of three candidates on a test split, without devkit and without the damaged model in service."""
    folder = tmp_path_factory.mktemp("partly_evaluated")
    shutil.copytree(examples.uri, folder / "examples")
    shutil.copytree(folder / "examples/Split-train", folder / "examples/Split-test")
    write_manifest(folder / "examples")
    records = make_artifact("Examples", folder / "examples")
    records.split_names = json.dumps(["train", "val", "test"])
    damaged = model_of(0)
    Path(path_utils.serving_model_dir(damaged.uri), "saved_model.pb").write_bytes(b"damaged")
    models = {"ground": damaged, "cars": model_of(3), "broken": model_of(0)}
    version = shutil.copytree(path_utils.serving_model_dir(model_of(0).uri), folder / "serving" / "1")
    (version / "assets/segmentation.json").unlink()
    in_service = model_in_service(folder / "published", folder / "serving")
    _, result = evaluate_in(folder, models, in_service, None, {"broken"}, records)
    return result
