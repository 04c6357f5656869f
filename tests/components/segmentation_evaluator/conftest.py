"""Runs SegmentationEvaluator on real SavedModels that always predict the same class."""

from __future__ import annotations

import functools
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from tfx import types
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.run_files import EVALUATION_FILE, SMOKE_TEST_FILE
from components.segmentation_evaluator import executor
from components.segmentation_evaluator.component import SegmentationEvaluator
from tests.conftest import CLASSES, IMAGE_SIZE
from tfds_voc_seg.record_config import RecordConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

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
        tests = {name: {"passed": name not in failed, "problems": ["load: no"]} for name in models}
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
