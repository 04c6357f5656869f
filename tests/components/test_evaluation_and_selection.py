"""Evaluator and published model on real SavedModels whose metrics follow from the masks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx.utils import path_utils

from components.published_model import executor as published_executor
from components.published_model.component import PublishedModel
from components.published_model.serving_folder import latest_version, serving_state
from components.record_artifacts import read_records
from components.segmentation_evaluator import executor as evaluator_executor
from tests.conftest import CLASSES, IMAGE_SIZE
from tfds_voc_seg.decoding import class_map_from_one_hot, parse_record

CLASS_NAMES = ("background", *CLASSES)
BEAM_ARGS = ["--runner=DirectRunner", "--allow_unsafe_triggers"]
ModelOf = Callable[..., Any]


@pytest.fixture
def published(tmp_path: Path, make_artifact: Callable[..., Any]) -> Callable[[Path], Any]:
    """Runs PublishedModel on a publishing folder."""

    def run(serving: Path) -> Any:
        artifact = make_artifact("Model", tmp_path / "published", artifact_id=99)
        component = PublishedModel(str(serving))
        published_executor.Executor().Do({}, {"model": [artifact]}, component.exec_properties)
        return artifact

    return run


@pytest.fixture
def evaluate(tmp_path: Path, examples: Any, make_artifact: Callable[..., Any]) -> Callable[..., Any]:
    """Runs SegmentationEvaluator; gives its artifact and what is in `evaluation.json`."""

    def run(models: dict[str, Any], baseline: Any) -> tuple[Any, dict[str, Any]]:
        evaluation = make_artifact("ModelEvaluation", tmp_path / "evaluation")
        inputs = {f"model_{name}": [model] for name, model in models.items()}
        inputs |= {"examples": [examples], "baseline": [baseline]}
        context = evaluator_executor.Executor.Context(beam_pipeline_args=BEAM_ARGS, tmp_dir=str(tmp_path))
        evaluator_executor.Executor(context).Do(inputs, {"evaluation": [evaluation]}, {})
        return evaluation, json.loads((tmp_path / "evaluation" / evaluator_executor.EVALUATION_FILE).read_text())

    return run


def _true_pixels(examples: Any) -> np.ndarray:
    """Pixels of each class in the val split, counted from the records."""
    records = read_records(examples)
    masks = [
        class_map_from_one_hot(parse_record(record, IMAGE_SIZE, len(CLASS_NAMES))[1]).numpy()
        for record in tf.data.TFRecordDataset(records.files["val"])
    ]
    return np.bincount(np.concatenate(masks).ravel(), minlength=256)[: len(CLASS_NAMES)]


def test_all_models_are_measured_exactly_on_the_same_pixels(
    evaluate: Callable[..., Any], published: Callable[[Path], Any], model_of: ModelOf, examples: Any, tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    shutil.copytree(path_utils.serving_model_dir(model_of(3).uri), serving / "17")
    _, result = evaluate({"ground": model_of(0), "cars": model_of(3), "baseline": model_of(1)}, published(serving))
    pixels = _true_pixels(examples)
    assert (pixels > 0).all()
    for name, always in (("ground", 0), ("cars", 3), ("baseline", 1)):
        figures, share = result["candidates"][name], pixels[always] / pixels.sum()
        assert figures["pixel_accuracy"] == pytest.approx(share, abs=1e-12)
        assert figures["mean_iou"] == pytest.approx(share / len(CLASS_NAMES), abs=1e-12)
        assert figures["per_class_iou"][CLASS_NAMES[always]] == pytest.approx(share, abs=1e-12)
        assert np.array_equal(np.sum(figures["confusion_matrix"], axis=1), pixels)
        assert (figures["parameters"], figures["train_seconds"]) == (100, 1.5)
    assert result["baseline"] == result["candidates"]["cars"]
    assert result["baseline_problem"] is None


def test_tfma_reports_the_same_figures(
    evaluate: Callable[..., Any], published: Callable[[Path], Any], model_of: ModelOf, tmp_path: Path
) -> None:
    import tensorflow_model_analysis as tfma

    evaluation, result = evaluate({"ground": model_of(0), "cars": model_of(3)}, published(tmp_path / "none"))
    by_model: dict[str, dict[str, float]] = {}
    for metrics in tfma.load_metrics(evaluation.uri):
        for entry in metrics.metric_keys_and_values:
            by_model.setdefault(entry.key.model_name, {})[entry.key.name] = entry.value.double_value.value
    for name, figures in result["candidates"].items():
        assert by_model[name]["mean_iou"] == figures["mean_iou"]
        assert by_model[name]["pixel_accuracy"] == figures["pixel_accuracy"]
        assert by_model[name]["iou/car"] == figures["per_class_iou"]["car"]


def test_a_model_in_service_with_other_classes_is_reported_and_not_compared(
    evaluate: Callable[..., Any], published: Callable[[Path], Any], model_of: ModelOf, tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    other = model_of(0, class_names=("background", "dog"))
    shutil.copytree(path_utils.serving_model_dir(other.uri), serving / "1")
    _, result = evaluate({"ground": model_of(0)}, published(serving))
    assert result["baseline"] is None
    assert "has the classes background, dog" in result["baseline_problem"]


@pytest.mark.parametrize("damaged", ["assets/segmentation.json", "variables/variables.index"])
def test_a_damaged_model_in_service_is_reported_and_not_compared(
    damaged: str, evaluate: Callable[..., Any], published: Callable[[Path], Any], model_of: ModelOf, tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    shutil.copytree(path_utils.serving_model_dir(model_of(0).uri), serving / "1")
    (serving / "1" / damaged).unlink()
    _, result = evaluate({"ground": model_of(0)}, published(serving))
    assert result["baseline"] is None
    assert "can't be loaded" in result["baseline_problem"]


def test_the_published_model_is_the_highest_complete_version(
    published: Callable[[Path], Any], model_of: ModelOf, tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    assert latest_version(serving) is None
    assert serving_state(serving) == ""
    empty = published(serving)
    assert empty.get_int_custom_property("in_service") == 0

    source = path_utils.serving_model_dir(model_of(0).uri)
    for version in ("9", "10"):
        shutil.copytree(source, serving / version)
    (serving / "11").mkdir()  # without saved_model.pb: still being copied
    (serving / "notes").mkdir()
    state = serving_state(serving)
    artifact = published(serving)
    assert artifact.get_int_custom_property("in_service") == 1
    assert artifact.get_string_custom_property("version") == "10"
    assert (Path(path_utils.serving_model_dir(artifact.uri)) / "saved_model.pb").is_file()
    shutil.rmtree(serving / "10")
    assert serving_state(serving) not in ("", state)
