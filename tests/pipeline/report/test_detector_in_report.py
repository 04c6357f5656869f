"""A run with a detector: the detector's section in the report and its place in the lineage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.metadata.lineage import read_lineage
from pipeline.report import detector as detector_module
from pipeline.report.contents import read_contents
from pipeline.report.page import make_page
from tests.pipeline.made_artifacts import write_detector_run
from tests.pipeline.made_run import FINGERPRINT, MadeRun


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run = MadeRun(folder)
    run.begin("2026-03-01T10:00:00")
    converted = run.node(
        "VocExampleGen",
        {"examples": ("Examples", {})},
        parameters={"devkit": "/data/VOC2012", "devkit_fingerprint": FINGERPRINT},
    )
    detector = run.node(
        "DetectorTrainer",
        {"detector": ("Model", {}), "detector_run": ("ModelRun", {})},
        inputs=converted,
        parameters={"config": json.dumps({"width": 0.125})},
    )
    write_detector_run(Path(detector["detector_run"].uri))
    trained = run.node(
        "SegmentationTrainer.fcn8",
        {"model": ("Model", {}), "model_run": ("ModelRun", {})},
        inputs={**converted, "backbone": detector["detector"]},
        parameters={"candidate": "fcn8"},
    )
    blessing = {"blessed": 1, "current_model_id": trained["model"].id}
    selected = run.node(
        "ModelSelector",
        {"model": ("Model", {}), "blessing": ("ModelBlessing", blessing)},
        inputs={"model_fcn8": trained["model"]},
    )
    pushed = {"pushed": 1, "pushed_destination": str(folder / "serving" / "1"), "pushed_version": "1"}
    run.node("Pusher", {"pushed_model": ("PushedModel", pushed)}, inputs=selected)
    return folder


def test_the_lineage_shows_the_detector(output: Path) -> None:
    trained = read_lineage(output).inputs[0].inputs[0]
    assert trained.node == "SegmentationTrainer.fcn8"
    detector, examples = trained.inputs
    assert (detector.role, detector.artifact, detector.node) == ("backbone", "Model", "DetectorTrainer")
    assert detector.parameters["config"] == {"width": 0.125}
    assert [origin.artifact for origin in detector.inputs] == ["Examples"]
    assert examples.shown_above


def test_the_report_shows_the_detector(output: Path) -> None:
    contents = read_contents(output)
    assert list(contents.trainings) == ["fcn8"]  # the detector is no candidate
    page = make_page(contents)
    assert '<section id="detector"' in page
    text = " ".join(page.split())
    assert "on 9 val images: 0.321 by VOC2012’s protocol, 0.345 by VOC2007’s" in text
    assert "Trained for 3 epochs" in text
    assert page.count('alt="A val image with its annotated objects') == detector_module.SHOWN_PICTURES
