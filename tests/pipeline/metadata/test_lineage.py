from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from pipeline import cli
from pipeline.commands.terminal import EXIT_USAGE
from pipeline.metadata.lineage import Origin, read_lineage
from pipeline.metadata.lineage_tree import lineage_tree
from pipeline.metadata.runs import RunNotFoundError
from tests.pipeline.made_run import FINGERPRINT, MadeRun, write_whole_run

VERSION = "1772359200"


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_whole_run(folder)
    return folder


def _first_inputs(origin: Origin) -> list[Origin]:
    """Follows the first input of each artifact, from a published model to the devkit."""
    return [origin, *(_first_inputs(origin.inputs[0]) if origin.inputs else [])]


def test_the_lineage_leads_from_the_published_model_to_the_devkit(output: Path) -> None:
    line = _first_inputs(read_lineage(output))
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


def test_the_model_has_only_the_selected_candidate_as_input_and_the_evaluation_has_all(output: Path) -> None:
    selected = read_lineage(output).inputs[0]
    assert [origin.role for origin in selected.inputs] == ["model_fcn8", "evaluation", "smoke_test"]
    evaluation = selected.inputs[1]
    assert {origin.role for origin in evaluation.inputs} == {"model_fcn8", "model_unet", "baseline", "examples"}
    shown_above = {origin.role: origin.shown_above for origin in evaluation.inputs}
    assert shown_above == {"model_fcn8": True, "model_unet": False, "baseline": False, "examples": True}


@pytest.mark.parametrize("model", [VERSION, f"/elsewhere/serving/{VERSION}", f"serving/{VERSION}/"])
def test_a_model_is_named_by_its_version_or_folder(output: Path, model: str) -> None:
    assert read_lineage(output, model) == read_lineage(output)


def test_an_older_version_has_its_own_read_lineage(tmp_path: Path) -> None:
    run = MadeRun(tmp_path)
    for version in ("5", "6"):
        run.begin(version)
        model = run.node(f"Trainer{version}", {"model": ("Model", {})})
        destination = {"pushed": 1, "pushed_destination": str(tmp_path / "serving" / version)}
        run.node("Pusher", {"pushed_model": ("PushedModel", destination)}, inputs=model)
    assert read_lineage(tmp_path).inputs[0].node == "Trainer6"
    assert read_lineage(tmp_path, "5").inputs[0].node == "Trainer5"


def test_a_model_that_was_not_published_is_an_error(output: Path, tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match=f"7 was not published from .*; published were {VERSION}"):
        read_lineage(output, "7")
    MadeRun(tmp_path)
    with pytest.raises(RunNotFoundError, match="nothing was published from"):
        read_lineage(tmp_path)


def test_the_tree_shows_nodes_and_settings_and_shortens_hashes(output: Path) -> None:
    text = io.StringIO()
    Console(file=text, width=100).print(lineage_tree(read_lineage(output)))
    shown = text.getvalue()
    for part in ("PushedModel", "by SegmentationTrainer.fcn8", "learning_rate 0.003", "VOC devkit", FINGERPRINT[:16]):
        assert part in shown
    assert FINGERPRINT not in shown  # shortened
    assert shown.count("VOC devkit") == 1  # not repeated


def test_the_command_prints_json(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lineage", str(output), VERSION, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == read_lineage(output).as_json()
    assert cli.main(["lineage", str(output), "7"]) == EXIT_USAGE
    assert capsys.readouterr().err.startswith("vocseg: 7 was not published from")
