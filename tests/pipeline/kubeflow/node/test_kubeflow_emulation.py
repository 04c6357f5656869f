"""The emulated launcher: containers that contain only what is declared. The nodes are short Python programs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.cli import main
from pipeline.kubeflow.compile.specification import SpecFile
from pipeline.kubeflow.node.backend import BackendError, task_order
from pipeline.kubeflow.node.emulation import EmulationError, emulate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROGRAM = """
import json, os, pathlib, sys
message = json.loads(sys.argv[1])
root = pathlib.Path(os.environ["ARTIFACT_LOCAL_PATH"])
assert list(pathlib.Path.cwd().iterdir()) == [], "the working folder is not empty"
def folder(artifact):
    return root / artifact["uri"].replace("://", "/")
artifact = message["outputs"]["artifacts"]["words"]["artifacts"][0]
assert folder(artifact).parent.is_dir() and not folder(artifact).exists()
read = [folder(each["artifacts"][0]) for each in message["inputs"].get("artifacts", {}).values()]
text = message["inputs"]["parameterValues"]["text"] + "".join((each / "word").read_text() for each in read)
folder(artifact).mkdir()
(folder(artifact) / "word").write_text(text)
answer = {"artifacts": {"words": {"artifacts": [{"uri": artifact["uri"], "metadata": %(metadata)s}]}}}
pathlib.Path(message["outputs"]["outputFile"]).parent.mkdir()
pathlib.Path(message["outputs"]["outputFile"]).write_text(json.dumps(answer))
print("printed by", os.environ["NAME"])
"""
"""Writes the parameter `text`, followed by the texts of its inputs."""


def _file(metadata: str = '{"n": 1, "deep": {"a": "b"}}', program: str = "") -> SpecFile:
    """Returns a specification of two nodes, First and Second, in the wrong order."""
    spec: dict[str, Any] = {
        "pipelineInfo": {"name": "words"},
        "components": {},
        "deploymentSpec": {"executors": {}},
        "root": {
            "inputDefinitions": {"parameters": {"text": {"parameterType": "STRING", "defaultValue": "a"}}},
            "dag": {"tasks": {}},
        },
    }
    for name, before in (("Second", "First"), ("First", None)):
        task: dict[str, Any] = {
            "taskInfo": {"name": name},
            "componentRef": {"name": f"comp-{name}"},
            "inputs": {"parameters": {"text": {"componentInputParameter": "text"}}},
        }
        if before:
            source = {"taskOutputArtifact": {"producerTask": before, "outputArtifactKey": "words"}}
            task["inputs"]["artifacts"] = {"before": source}
        spec["root"]["dag"]["tasks"][name] = task
        spec["components"][f"comp-{name}"] = {
            "executorLabel": f"exec-{name}",
            "outputDefinitions": {"artifacts": {"words": {"artifactType": {"schemaTitle": "system.Artifact"}}}},
        }
        spec["deploymentSpec"]["executors"][f"exec-{name}"] = {
            "container": {
                "image": "x:1",
                "command": [sys.executable, "-c", program or PROGRAM.replace("%(metadata)s", metadata)],
                "args": ["{{$}}"],
                "env": [{"name": "NAME", "value": name}],
            }
        }
    return SpecFile(spec, {})


def test_outputs_are_copied_from_container_to_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/not/for/containers")
    started: list[str] = []
    run = emulate(_file(), tmp_path, {"text": "b"}, on_task=started.append)
    assert started == ["First", "Second"] == list(run.seconds)
    assert (run.outputs["Second", "words"] / "word").read_text() == "bb"
    assert run.outputs["Second", "words"].is_relative_to(tmp_path / "object_store/minio/emulated/words")
    assert run.metadata["First", "words"] == {"n": 1.0, "deep": {"struct": {"a": "b"}}}
    assert run.outputs["First", "executor-logs"].read_text() == "printed by First\n"
    assert (tmp_path / "logs/Second.log").read_text() == "printed by Second\n"
    assert list((tmp_path / "containers").iterdir()) == []


def test_a_failed_node_stops_the_run_and_its_log_is_named(tmp_path: Path) -> None:
    file = _file(program="print('about to fail'); raise SystemExit('no disk')")
    with pytest.raises(EmulationError, match="First: the command ended with status 1: ") as failure:
        emulate(file, tmp_path, {})
    assert "no disk" in failure.value.log.read_text()


def test_nulls_in_metadata_are_refused_as_by_the_backend(tmp_path: Path) -> None:
    with pytest.raises(EmulationError, match="First: unable to produce MLMD artifact for output 'words': metadata 'n'"):
        emulate(_file('{"n": None}'), tmp_path, {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda spec: spec["root"]["dag"]["tasks"]["First"].update(dependentTasks=["Second"]),
            "depend on each other in a cycle",
        ),
        (
            lambda spec: spec["root"]["dag"]["tasks"]["First"].update(dependentTasks=["Zero"]),
            "task 'First' depends on 'Zero', which does not exist",
        ),
        (
            lambda spec: spec["deploymentSpec"]["executors"].update({"exec-First": {"resolver": {}}}),
            "task 'First': resolver executors are not implemented",
        ),
        (
            lambda spec: spec["deploymentSpec"]["executors"]["exec-First"]["container"].update(command=["no-such"]),
            "task 'First': the command 'no-such' is not on PATH",
        ),
    ],
)
def test_what_the_backend_refuses_is_refused(
    change: Callable[[dict[str, Any]], None], message: str, tmp_path: Path
) -> None:
    file = _file()
    change(file.spec)
    with pytest.raises(BackendError, match=message):
        emulate(file, tmp_path, {})


def test_the_order_does_not_depend_on_the_order_in_the_file() -> None:
    spec = json_format.ParseDict(_file().spec, pipeline_spec_pb2.PipelineSpec())
    assert task_order(spec) == ["First", "Second"]


def test_the_emulate_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(yaml.safe_dump(_file().spec))
    command = ["kubeflow", "emulate", str(file), "--output", str(tmp_path / "run")]
    assert main([*command, "--set", "text"]) == 2
    assert "--set text: write name=value" in capsys.readouterr().err
    assert main([*command, "--set", "txt=c"]) == 2
    assert "parameter 'txt' is unknown; the parameters are text" in capsys.readouterr().err
    assert main([*command, "--set", "text=c"]) == 0
    assert "all 2 nodes finished" in capsys.readouterr().out
    assert main(command) == 2
    assert f"{tmp_path / 'run'}{os.sep}".rstrip(os.sep) in capsys.readouterr().err
