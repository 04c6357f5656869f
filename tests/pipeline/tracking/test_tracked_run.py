"""What is logged of a run: names and values that MLflow accepts, nothing that was not measured."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_param_name, _validate_tag_name

from pipeline.report.contents import RunContents, Training, read_contents
from pipeline.tracking.tracked_run import TrackedRun, tracked_run
from tests.pipeline.tracking.made_tracked_run import write_run_to_track

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_run_to_track(folder)
    return folder


@pytest.fixture(scope="module")
def contents(output: Path) -> RunContents:
    return read_contents(output)


@pytest.fixture(scope="module")
def run(contents: RunContents, output: Path) -> TrackedRun:
    return tracked_run(contents, output, {"voc_seg.preset": "demo"})


def test_the_run_has_its_files_and_a_run_per_candidate(run: TrackedRun, output: Path) -> None:
    assert [child.name for child in run.children] == ["fcn8", "unet"]
    names = {str(output / name): folder for name, folder in (("summary.json", ""), ("curves.png", ""))}
    assert run.files == {**names, str(output / "report/index.html"): "report"}
    assert run.folders == {str(output / "serving/1772359200"): "model"}
    assert (run.tags["voc_seg.preset"], run.tags["voc_seg.selected"]) == ("demo", "fcn8")
    assert run.tags["version.tfx"] == "1.21.0"
    assert run.started <= run.ended


def test_without_a_publication_no_model_is_logged(tmp_path: Path) -> None:
    write_run_to_track(tmp_path, published=False)
    unpublished = tracked_run(read_contents(tmp_path), tmp_path, {})
    assert unpublished.folders == {}
    assert "voc_seg.published" not in unpublished.tags


def test_curves_have_a_step_per_epoch_without_the_epochs_that_have_no_value(
    run: TrackedRun, contents: RunContents
) -> None:
    history = contents.trainings["fcn8"].history["val_mean_iou"]
    logged = [(value, step) for name, value, step in run.children[0].metrics if name == "val_mean_iou"]
    assert history[0] is None
    assert logged == [(value, epoch) for epoch, value in enumerate(history, start=1) if value is not None]


def test_figures_are_those_of_the_evaluation_without_absent_classes(run: TrackedRun, contents: RunContents) -> None:
    assert contents.evaluation is not None
    for child in run.children:
        figures = contents.evaluation["candidates"][child.name]
        logged = {name: value for name, value, step in child.metrics if step == 0}
        assert logged["val/mean_iou"] == figures["mean_iou"]
        present = {name: iou for name, iou in figures["per_class_iou"].items() if iou is not None}
        prefix = "val/per_class_iou/"
        assert {name.removeprefix(prefix): iou for name, iou in logged.items() if name.startswith(prefix)} == present
        assert logged["smoke_test/latency_seconds"] == 0.0123
    parent = {name: value for name, value, _ in run.metrics}
    assert parent["val/mean_iou"] == contents.evaluation["candidates"]["fcn8"]["mean_iou"]
    assert parent["images/train"] == 480


def test_parameters_are_the_settings_with_dotted_names(run: TrackedRun, contents: RunContents, output: Path) -> None:
    assert run.children[0].parameters == {
        "network": "fcn8",
        "options.width": "0.25",
        "training.epochs": "6",
        "training.monitor": "val_mean_iou",
        "training.learning_rate": "0.003",
    }
    config = {"data": {"classes": ["a", "b"], "void": None}, "tracking": {"mlflow": "x"}, "candidates": {"a": {}}}
    assert tracked_run(dataclasses.replace(contents, config=config), output, {}).parameters == {
        "data.classes": '["a", "b"]',
        "data.void": "null",
    }


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=300), st.one_of(st.text(), st.floats()), max_size=4))
def test_mlflow_accepts_the_names_of_any_class_and_setting(contents: RunContents, values: dict[str, object]) -> None:
    classes = dict.fromkeys(values, 0.5)
    evaluation = {"split": "val", "candidates": {"fcn8": {"per_class_iou": classes}}}
    strange = dataclasses.replace(contents, config={"data": values}, evaluation=evaluation)
    for run in (made := tracked_run(strange, contents.examples_folder, {}), *made.children):  # type: ignore[arg-type]
        json.dumps(dataclasses.asdict(run), allow_nan=False)
        for name, _, _ in run.metrics:
            _validate_metric_name(name)
        assert len({(name, step) for name, _, step in run.metrics}) == len(run.metrics)
        for name, value in run.parameters.items():
            _validate_param_name(name)
            assert len(value) <= 6000
        for name in run.tags:
            _validate_tag_name(name)


def test_classes_whose_names_become_equal_stay_apart(contents: RunContents, output: Path) -> None:
    evaluation = {"split": "val", "candidates": {"fcn8": {"per_class_iou": {"a/b": 0.1, "a_b": 0.2, "a:b": 0.3}}}}
    (child, _) = tracked_run(dataclasses.replace(contents, evaluation=evaluation), output, {}).children
    logged = {name: value for name, value, _ in child.metrics if "per_class_iou" in name}
    assert logged == {f"val/per_class_iou/a_b{end}": iou for end, iou in (("", 0.1), ("_2", 0.2), ("_3", 0.3))}


def test_a_long_value_is_shortened_and_a_figure_that_is_no_number_left_out(contents: RunContents, output: Path) -> None:
    training = Training(
        {"name": "n" * 7000}, {}, "", contents.finished, {"loss": [float("nan"), float("inf"), None, 2.0]}
    )
    (child,) = tracked_run(dataclasses.replace(contents, trainings={"x": training}), output, {}).children
    assert len(child.parameters["network"]) == 6000
    assert child.parameters["network"].endswith("…")
    assert [(value, step) for name, value, step in child.metrics if name == "loss"] == [(2.0, 4)]
