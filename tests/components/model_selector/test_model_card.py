"""The model card of a candidate, from a complete evaluation and from one with missing metrics."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.model_selector.model_card import model_card
from components.saved_model.description import ModelDescription
from tests.pipeline.made_artifacts import CLASS_NAMES, SIZE, SMOKE_TEST, write_evaluation
from tfds_voc_seg.record_config import RecordConfig

SECTIONS = [
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
]


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("evaluation")
    write_evaluation(folder, CLASS_NAMES)
    evaluation: dict[str, Any] = json.loads((folder / "evaluation.json").read_text())
    return evaluation


@pytest.fixture
def description() -> ModelDescription:
    return ModelDescription(CLASS_NAMES, SIZE, "fcn8", {"width": 0.25, "weights": None}, {"epochs": 6}, 936_258, 25.4)


def old_format(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Reduces an evaluation to the keys of its first version."""
    kept = ("network", "parameters", "train_seconds", "mean_iou", "pixel_accuracy", "per_class_iou", "confusion_matrix")
    return {
        "split": "val",
        "class_names": evaluation["class_names"],
        "candidates": {name: {key: metrics[key] for key in kept} for name, metrics in evaluation["candidates"].items()},
        "baseline": None,
        "baseline_problem": None,
    }


def test_the_card_has_the_usual_sections(evaluation: dict[str, Any], description: ModelDescription) -> None:
    card = model_card("fcn8", evaluation, description, SMOKE_TEST)
    assert card.startswith("# Model card: fcn8\n")
    assert re.findall(r"^## (.+)$", card, re.MULTILINE) == SECTIONS
    assert "None" not in card
    assert "nan" not in card


def test_the_card_contains_the_measured_values(evaluation: dict[str, Any], description: ModelDescription) -> None:
    card = model_card("fcn8", evaluation, description, SMOKE_TEST)
    metrics = evaluation["candidates"]["fcn8"]
    low, high = metrics["mean_iou_interval"]
    own_size = metrics["original_size"]["mean_iou"]
    assert f"| mean IoU | {metrics['mean_iou']:.4f} ({low:.4f} to {high:.4f}) | {own_size:.4f} (" in card
    assert f"| car | {metrics['per_class_iou']['car']:.4f} |" in card
    assert "| sheep | absent | absent | absent | absent |" in card
    assert "| up to 400 pixels | 4 |" in card
    difference = evaluation["differences"]["fcn8"]["in-service"]["mean_iou"]
    assert f"| the model in service at that time | {evaluation['baseline']['mean_iou']:.4f} (" in card
    assert f"| {difference:+.4f} (" in card
    for measured in ("936,258", "12 ms", "700 MiB", "Smoke test: passed", "6 images", "64 × 64"):
        assert measured in card


def test_the_card_says_whether_its_split_also_selected_the_epoch(
    evaluation: dict[str, Any], description: ModelDescription
) -> None:
    on_val = model_card("fcn8", evaluation, description, SMOKE_TEST)
    on_test = model_card("fcn8", {**evaluation, "split": "test"}, description, SMOKE_TEST)
    assert "The best epoch was selected on the same split that the metrics are measured on" in on_val
    assert "The best epoch was selected on the val split; training did not use the test split." in on_test
    assert "The test split of a devkit" in on_test


def test_all_rows_of_a_table_have_the_same_columns(evaluation: dict[str, Any], description: ModelDescription) -> None:
    card = model_card("unet", evaluation, description, SMOKE_TEST)
    tables = re.findall(r"(?:^\|.*\|\n)+", card, re.MULTILINE)
    assert len(tables) == 6  # metrics, classes, three kinds of slices, other models
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_a_failed_smoke_test_is_mentioned(evaluation: dict[str, Any], description: ModelDescription) -> None:
    card = model_card("unet", evaluation, description, SMOKE_TEST)
    assert "Smoke test: failed" in card
    assert "Problem: an empty batch is answered with an error." in card


def test_missing_metrics_are_omitted_or_marked(evaluation: dict[str, Any], description: ModelDescription) -> None:
    card = model_card("fcn8", old_format(evaluation), description)
    for absent in ("Dice", "boundary", "95 %", "original", "6 images"):
        assert absent not in card.replace("photos' original size", "")
    assert "slices of it were not measured" in card
    assert "The model was not smoke-tested" in card
    assert "Latency and memory are unknown" in card
    assert "There was no model in service to compare with" in card
    assert "an unknown number of images" in card
    assert re.search(r"\| unet \| 0\.\d{4} \| not measured \|", card)
    measured = set(re.findall(r"\d\.\d{4}", card))
    known = json.dumps(old_format(evaluation)["candidates"])
    assert measured <= {f"{float(number):.4f}" for number in re.findall(r"\d\.\d+", known)}


def test_null_metrics_are_marked_as_not_measured(evaluation: dict[str, Any], description: ModelDescription) -> None:
    metrics = {**evaluation["candidates"]["fcn8"], "mean_iou": None, "mean_iou_interval": None, "per_class_iou": {}}
    card = model_card("fcn8", {**evaluation, "candidates": {"fcn8": metrics}}, description)
    assert "| mean IoU | not measured |" in card


def test_only_a_model_with_the_class_person_has_the_warning_about_people(
    evaluation: dict[str, Any], description: ModelDescription
) -> None:
    assert "skin colour" in model_card("fcn8", evaluation, description)
    names = tuple(name for name in CLASS_NAMES if name != "person")
    without = ModelDescription(names, SIZE, "fcn8", {}, {}, 1, 1.0)
    assert "skin colour" not in model_card("fcn8", evaluation, without)


def test_the_card_says_how_photos_are_resized_and_where_weights_come_from(
    evaluation: dict[str, Any], description: ModelDescription
) -> None:
    assert "a photo, which the model resizes to 64 × 64 pixels." in model_card("fcn8", evaluation, description)
    assert "do not name pretrained weights." in model_card("fcn8", evaluation, description)
    windows = RecordConfig(SIZE, CLASS_NAMES[1:], resize="crop", short_side=96)
    cropped = dataclasses.replace(description, options={"weights": "imagenet"}, records=windows)
    card = model_card("fcn8", {**evaluation, "baseline_problem": "it has other classes"}, cropped)
    assert "resizes to a short side of 96 pixels and segments in windows of 64 × 64 pixels." in card
    assert "initialised with the weights `imagenet`, which were trained on other data." in card
    assert "Comparison with the model in service: it has other classes." in card


def test_an_unknown_candidate_is_refused(evaluation: dict[str, Any], description: ModelDescription) -> None:
    with pytest.raises(ValueError, match="does not contain the candidate 'segnet'; it contains fcn8, unet"):
        model_card("segnet", evaluation, description)


def test_the_card_is_written_without_tfx_and_tensorflow() -> None:
    program = (
        "import sys\nimport components.model_selector.model_card, pipeline.report.page, pipeline.metadata.lineage\n"
        "sys.exit(str({'tfx', 'tensorflow', 'keras', 'apache_beam'} & set(sys.modules) or ''))\n"
    )
    root = Path(__file__).parents[3]
    finished = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    assert finished.stderr.strip() == ""
