"""The checker's messages, each for a small specification with one error."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pipeline.cli import main
from pipeline.kubeflow.compile.spec_check import check_spec
from pipeline.kubeflow.compile.specification import SpecError, SpecFile, read_spec

if TYPE_CHECKING:
    from pathlib import Path

GOOD: dict[str, Any] = {
    "schemaVersion": "2.1.0",
    "sdkVersion": "tfx-1.21.0",
    "defaultPipelineRoot": "minio://mlpipeline/root",
    "pipelineInfo": {"name": "voc-seg"},
    "components": {
        "comp-Gen": {
            "executorLabel": "exec-Gen",
            "inputDefinitions": {"parameters": {"devkit": {"parameterType": "STRING"}}},
            "outputDefinitions": {
                "artifacts": {"examples": {"artifactType": {"instanceSchema": "title: tfx.Examples"}}}
            },
        },
        "comp-Train-unet": {
            "executorLabel": "exec-Train-unet",
            "inputDefinitions": {
                "artifacts": {"examples": {"artifactType": {"instanceSchema": "title: tfx.Examples"}}}
            },
        },
    },
    "deploymentSpec": {
        "executors": {
            f"exec-{name}": {
                "container": {
                    "image": "registry.example:5000/voc-seg:0.1.0",
                    "command": ["python", "-m", "pipeline.kubeflow.entrypoint"],
                    "args": [
                        "--executor_class_path",
                        "components.x.Executor",
                        "--json_serialized_invocation_args",
                        "{{$}}",
                    ],
                }
            }
            for name in ("Gen", "Train-unet")
        }
    },
    "root": {
        "inputDefinitions": {"parameters": {"devkit": {"parameterType": "STRING"}}},
        "dag": {
            "tasks": {
                "Gen": {
                    "taskInfo": {"name": "Gen"},
                    "componentRef": {"name": "comp-Gen"},
                    "inputs": {"parameters": {"devkit": {"componentInputParameter": "devkit"}}},
                },
                "Train-unet": {
                    "taskInfo": {"name": "Train-unet"},
                    "componentRef": {"name": "comp-Train-unet"},
                    "dependentTasks": ["Gen"],
                    "inputs": {
                        "artifacts": {
                            "examples": {"taskOutputArtifact": {"producerTask": "Gen", "outputArtifactKey": "examples"}}
                        },
                        "parameters": {"training": {"runtimeValue": {"constant": '{"epochs": 3}'}}},
                    },
                },
            }
        },
    },
}
PLATFORM_WITH_VOLUME = {
    name: {"pvcMount": [{"mountPath": "/data", "constant": "voc"}]} for name in GOOD["deploymentSpec"]["executors"]
}

Change = Callable[[dict[str, Any]], None]


def _container(spec: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = spec["deploymentSpec"]["executors"]["exec-Gen"]["container"]
    return container


def _constant(value: Any, name: str = "training") -> Change:
    def change(spec: dict[str, Any]) -> None:
        parameters = spec["root"]["dag"]["tasks"]["Train-unet"]["inputs"]["parameters"]
        parameters[name] = {"runtimeValue": {"constant": value}}

    return change


def _default(value: str) -> Change:
    return lambda spec: spec["root"]["inputDefinitions"]["parameters"]["devkit"].update(defaultValue=value)


def _changed(change: Change) -> dict[str, Any]:
    spec = copy.deepcopy(GOOD)
    change(spec)
    return spec


def test_a_good_specification_passes() -> None:
    assert check_spec(SpecFile(GOOD, {})) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda spec: spec["deploymentSpec"]["executors"].update({"exec-Gen": {"resolver": {}}}),
            "executor exec-Gen is a Resolver, which only Vertex AI supports",
        ),
        (
            lambda spec: _container(spec).update(
                lifecycle={"preCacheCheck": {"command": ["python", "-m", "my.driver"]}}
            ),
            "executor exec-Gen: the backend never runs the custom driver `python -m my.driver`",
        ),
        (
            lambda spec: spec["components"]["comp-Train-unet"]["inputDefinitions"]["artifacts"]["examples"].update(
                isArtifactList=True
            ),
            "component comp-Train-unet: input examples is a union of several channels",
        ),
        (
            lambda spec: _container(spec).update(image="registry.example:5000/voc-seg"),
            "executor exec-Gen: the image registry.example:5000/voc-seg has neither tag nor digest",
        ),
        (
            lambda spec: _container(spec).update(image="voc-seg@sha256:abc"),
            "the image voc-seg@sha256:abc has neither tag nor digest",
        ),
        (
            _default("/home/me/VOC2012"),
            "parameter devkit: /home/me/VOC2012 is a local path, which containers cannot reach; give a URI, or a path "
            "in a mounted volume (mounted paths: none; see kubeflow.volumes)",
        ),
        (_default("file:///data/VOC2012"), "parameter devkit: file:///data/VOC2012 is a local path, which containers"),
        (_default("~/VOC2012"), "parameter devkit: ~/VOC2012 is a local path, which containers"),
        (
            _constant('{"name": "fcn8", "options": {"weights": "/home/me/vgg.h5"}}', "network"),
            "task Train-unet, parameter network, options, weights: /home/me/vgg.h5 is a local path, which",
        ),
        (_constant("tests/conftest.py", "weights"), "parameter weights: tests/conftest.py is a local path"),
        (
            lambda spec: _container(spec)["args"].append("--temp_location=/tmp/beam"),
            "executor exec-Gen, argument --temp_location: /tmp/beam is a local path, which containers",
        ),
        (
            lambda spec: _container(spec)["args"].append("--s3_secret_access_key=hunter2"),
            "executor exec-Gen, argument --s3_secret_access_key: looks like a secret",
        ),
        (_constant("AKIAIOSFODNN7EXAMPLE"), "task Train-unet, parameter training: looks like a secret"),
        (_constant('{"registry": {"password": "hunter2"}}'), "parameter training, registry, password: looks like"),
        (_default("https://me:hunter2@example.org/VOC2012"), "parameter devkit: looks like a secret"),
        (
            lambda spec: _container(spec).update(env=[{"name": "API_TOKEN", "value": "abc"}]),
            "executor exec-Gen, variable API_TOKEN: looks like a secret",
        ),
        (
            lambda spec: spec["root"]["dag"]["tasks"].update(
                {"Train.unet": spec["root"]["dag"]["tasks"].pop("Train-unet")}
            ),
            "task Train.unet: its name becomes the name of an Argo task, which allows at most 121 letters, digits and",
        ),
        (
            lambda spec: spec["root"]["dag"]["tasks"]["Train-unet"]["inputs"]["parameters"].update(
                rate={"taskOutputParameter": {"producerTask": "Tune_task", "outputParameterKey": "rate"}}
            ),
            "task Train-unet: input rate comes from the task Tune_task, which does not exist",
        ),
        (
            lambda spec: spec["root"]["dag"]["tasks"]["Train-unet"].update(dependentTasks=["Check"]),
            "task Train-unet: depends on the task Check, which does not exist",
        ),
        (lambda spec: spec["root"]["dag"].update(tasks={}), "the specification has no task"),
        (
            lambda spec: spec["root"]["dag"]["tasks"]["Gen"]["componentRef"].update(name="comp-Other"),
            "task Gen: its component comp-Other does not exist",
        ),
        (
            lambda spec: spec["components"].update({"comp_Other": {"executorLabel": "exec-Gen"}}),
            "component comp_Other: its name becomes the name of an Argo template, which allows only letters, digits",
        ),
        (
            lambda spec: spec["components"]["comp-Gen"].update(executorLabel="exec-Other"),
            "component comp-Gen: its executor exec-Other does not exist",
        ),
        (
            lambda spec: spec.update(schemaVersion="2.0.0"),
            "schemaVersion is 2.0.0; the open-source backend needs 2.1.0",
        ),
        (
            lambda spec: spec.update(defaultPipelineRoot="/runs"),
            "defaultPipelineRoot is /runs; the launcher can copy artifacts only to gs://, s3://, minio://",
        ),
        (
            lambda spec: spec["root"]["dag"]["tasks"]["Gen"].update(retries=3),
            'the file does not parse as a PipelineSpec: .*no field named "retries"',
        ),
        (
            lambda spec: _container(spec).update(imagePullPolicy="Always"),
            'the file does not parse as a PipelineSpec: .*no field named "imagePullPolicy"',
        ),
    ],
)
def test_what_the_backend_cannot_run_is_refused(change: Change, message: str) -> None:
    problems = check_spec(SpecFile(_changed(change), {}))
    assert len(problems) == 1, problems
    if ".*" in message:
        start, _, end = message.partition(".*")
        assert problems[0].startswith(start)
        assert end in problems[0]
    else:
        assert message in problems[0]


@pytest.mark.parametrize(
    "change",
    [
        _default("gs://bucket/VOC2012"),
        _constant("person/dog: no path", "note"),
        _constant('{"half": "of an object"', "note"),
        _constant(["gs://bucket/a", "gs://bucket/b"], "places"),
        _constant('{"early_stopping_patience": 3, "tokens": 4}'),
        _constant("tfx.Examples/none", "schema"),
        lambda spec: _container(spec).update(image=f"voc-seg@sha256:{'a' * 64}"),
        lambda spec: _container(spec).update(
            lifecycle={
                "preCacheCheck": {
                    "command": ["python", "-m", "tfx.orchestration.kubeflow.v2.file_based_example_gen.driver"]
                }
            }
        ),
    ],
)
def test_what_the_backend_can_run_is_accepted(change: Change) -> None:
    assert check_spec(SpecFile(_changed(change), {})) == []


def test_a_path_is_accepted_in_a_volume_that_every_node_mounts() -> None:
    spec = _changed(_default("/data/VOC2012"))
    assert check_spec(SpecFile(spec, PLATFORM_WITH_VOLUME)) == []
    (problem,) = check_spec(SpecFile(_changed(_default("/database/VOC2012")), PLATFORM_WITH_VOLUME))
    assert "mounted paths: /data" in problem
    mounted_by_one_node = {"exec-Gen": PLATFORM_WITH_VOLUME["exec-Gen"]}
    assert len(check_spec(SpecFile(spec, mounted_by_one_node))) == 1


def test_the_second_document_must_parse() -> None:
    (problem,) = check_spec(SpecFile(GOOD, {"exec-Gen": {"pvcMounts": []}}))
    assert problem.startswith("platforms.kubernetes, exec-Gen: does not parse")


def test_the_check_command_prints_one_line_per_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(yaml.safe_dump_all([GOOD, {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {}}}}}]))
    assert main(["kubeflow", "check", str(file)]) == 0
    assert "no problems found" in capsys.readouterr().out
    file.write_text(yaml.safe_dump(_changed(_default("/home/me/VOC2012"))))
    assert main(["kubeflow", "check", str(file)]) == 1
    assert "1 problem(s)" in capsys.readouterr().out


def test_a_vertex_job_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text(json.dumps({"pipelineSpec": GOOD, "runtimeConfig": {}}))
    (problem,) = check_spec(read_spec(file))
    assert "is a pipeline job for Vertex AI" in problem


@pytest.mark.parametrize("text", ["", "- a list", "name: demo", "{"])
def test_a_file_without_a_specification_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(text)
    with pytest.raises(SpecError):
        read_spec(file)
    assert main(["kubeflow", "check", str(file)]) == 2
    assert str(file) in capsys.readouterr().err
