from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from pipeline import cli
from pipeline.commands.terminal import EXIT_USAGE
from pipeline.metadata.lineage import Origin, lineage, lineage_tree
from pipeline.metadata.runs import RunNotFoundError
from tests.pipeline.made_run import FINGERPRINT, MadeRun, write_whole_run

VERSION = "1772359200"


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_whole_run(folder)
    return folder


def _path(origin: Origin) -> list[Origin]:
    """From a published model to the devkit, first inputs first."""
    return [origin, *(_path(origin.inputs[0]) if origin.inputs else [])]


def test_the_line_goes_from_the_published_model_to_the_devkit(output: Path) -> None:
    line = _path(lineage(output))
    assert [origin.artifact for origin in line] == ["PushedModel", "Model", "Model", "Examples", "VOC devkit"]
    pushed, selected, trained, examples, devkit = line
    assert pushed.properties["pushed_version"] == VERSION
    assert selected.parameters["metric"] == "mean_iou"
    assert (trained.node, trained.role) == ("SegmentationTrainer.fcn8", "model_fcn8")
    assert trained.parameters["training"]["learning_rate"] == 0.003
    assert trained.parameters["code_fingerprint"].endswith("f00d")
    assert examples.parameters["record_config"]["image_size"] == 64
    assert (devkit.uri, devkit.properties) == ("/data/VOCdevkit/VOC2012", {"fingerprint": FINGERPRINT})
    assert all(Path(origin.uri).is_dir() and origin.made for origin in line[:-1])


def test_the_chosen_candidate_alone_leads_to_the_model_but_all_to_the_evaluation(output: Path) -> None:
    selected = lineage(output).inputs[0]
    assert [origin.role for origin in selected.inputs] == ["model_fcn8", "evaluation", "smoke_test"]
    evaluation = selected.inputs[1]
    assert {origin.role for origin in evaluation.inputs} == {"model_fcn8", "model_unet", "baseline", "examples"}
    told = {origin.role: origin.told for origin in evaluation.inputs}
    assert told == {"model_fcn8": True, "model_unet": False, "baseline": False, "examples": True}


@pytest.mark.parametrize("model", [VERSION, f"/elsewhere/serving/{VERSION}", f"serving/{VERSION}/"])
def test_a_model_is_named_by_its_version_or_folder(output: Path, model: str) -> None:
    assert lineage(output, model) == lineage(output)


def test_an_older_version_has_its_own_lineage(tmp_path: Path) -> None:
    run = MadeRun(tmp_path)
    for version in ("5", "6"):
        run.begin(version)
        model = run.node(f"Trainer{version}", {"model": ("Model", {})})
        destination = {"pushed": 1, "pushed_destination": str(tmp_path / "serving" / version)}
        run.node("Pusher", {"pushed_model": ("PushedModel", destination)}, inputs=model)
    assert lineage(tmp_path).inputs[0].node == "Trainer6"
    assert lineage(tmp_path, "5").inputs[0].node == "Trainer5"


def test_what_was_not_published_is_said(output: Path, tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match=f"7 was not published from .*; published were {VERSION}"):
        lineage(output, "7")
    MadeRun(tmp_path)
    with pytest.raises(RunNotFoundError, match="nothing was published from"):
        lineage(tmp_path)


def test_the_tree_is_for_people(output: Path) -> None:
    text = io.StringIO()
    Console(file=text, width=100).print(lineage_tree(lineage(output)))
    shown = text.getvalue()
    for part in ("PushedModel", "by SegmentationTrainer.fcn8", "learning_rate 0.003", "VOC devkit", FINGERPRINT[:16]):
        assert part in shown
    assert FINGERPRINT not in shown  # shortened
    assert shown.count("VOC devkit") == 1  # told once


def test_the_command_prints_json(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lineage", str(output), VERSION, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == lineage(output).as_json()
    assert cli.main(["lineage", str(output), "7"]) == EXIT_USAGE
    assert capsys.readouterr().err.startswith("vocseg: 7 was not published from")
