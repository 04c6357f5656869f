"""The pipeline, compiled for Kubeflow Pipelines and for Vertex AI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli import main
from pipeline.config.loading import load_config, preset_names
from pipeline.config.problems import ConfigError
from pipeline.kubeflow.compile.spec_check import check_spec
from pipeline.kubeflow.compile.specification import SpecFile, parse_spec, with_valid_names
from tests.conftest import NODES_EXCEPT_TRAINERS
from tests.pipeline.kubeflow.server.cluster_commands import vocseg_kubeflow
from tests.pipeline.kubeflow.server.kfp_server import running_server

IMAGE, ROOT = "registry.example/voc-seg:0.1.0", "s3://bucket/voc-seg"


def _compiled(*overrides: str, preset: str = "demo", **settings: Any) -> str:
    from pipeline.kubeflow.compile.compiler import compile_spec

    config = load_config(preset, overrides=overrides)
    return compile_spec(config, **{"image": IMAGE, "pipeline_root": ROOT, **settings})


def _spec(*overrides: str, **settings: Any) -> SpecFile:
    return parse_spec(_compiled(*overrides, **settings), Path("spec.yaml"))


def _container(file: SpecFile, task: str) -> dict[str, Any]:
    container: dict[str, Any] = file.spec["deploymentSpec"]["executors"][f"exec-{task}"]["container"]
    return container


def _task(file: SpecFile, task: str) -> dict[str, Any]:
    values: dict[str, Any] = file.spec["root"]["dag"]["tasks"][task]
    return values


QUICK_PRESETS = ("demo", "transfer_person_dog", "cpu_animals")
"""The presets with all kinds of nodes and settings; the other presets have other values."""


@pytest.mark.parametrize(
    "preset", [pytest.param(name, marks=() if name in QUICK_PRESETS else pytest.mark.slow) for name in preset_names()]
)
def test_every_preset_compiles_and_passes_the_checker(preset: str) -> None:
    file = _spec(preset=preset)
    assert check_spec(file) == []
    config = load_config(preset)
    candidates, detector = config.candidates, {"DetectorTrainer"} if config.detector else set()
    trainers = {name: f"SegmentationTrainer-{name.replace('_', '-')}" for name in candidates}
    assert set(file.spec["root"]["dag"]["tasks"]) == {*NODES_EXCEPT_TRAINERS, *detector, *trainers.values()}
    inputs = _task(file, "SegmentationEvaluator")["inputs"]["artifacts"]
    for name, trainer in trainers.items():
        assert inputs[f"model_{name}"]["taskOutputArtifact"] == {
            "producerTask": trainer,
            "outputArtifactKey": "model",
        }
        assert "DataValidator" in _task(file, trainer)["dependentTasks"]
    schema = _task(file, "ExampleValidator")["inputs"]["artifacts"]["schema"]["taskOutputArtifact"]
    assert schema["producerTask"] == "CuratedSchema"


def test_kfp_loads_the_specification() -> None:
    from kfp import components

    loaded = components.load_component_from_text(_compiled())
    assert set(loaded.component_spec.inputs) == {"devkit", "epochs", "publish_to"}


def test_devkit_epochs_and_publishing_folder_are_parameters() -> None:
    file = _spec("data.devkit=gs://bucket/VOC2012")
    parameters = file.spec["root"]["inputDefinitions"]["parameters"]
    assert {name: parameter.get("defaultValue") for name, parameter in parameters.items()} == {
        "devkit": "gs://bucket/VOC2012",
        "epochs": 0,
        "publish_to": "s3://bucket/voc-seg/serving",
    }
    assert all(parameter["description"] for parameter in parameters.values())
    for task, key, parameter in (
        ("VocExampleGen", "devkit", "devkit"),
        ("SegmentationEvaluator", "devkit", "devkit"),
        ("SegmentationTrainer-unet", "epochs", "epochs"),
        ("PublishedModel", "serving_folder", "publish_to"),
        ("Pusher", "serving_folder", "publish_to"),
    ):
        assert _task(file, task)["inputs"]["parameters"][key] == {"componentInputParameter": parameter}


def test_the_specification_contains_no_local_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = _compiled(f"data.devkit={tmp_path}/VOC2012", f"output={tmp_path}/runs")
    for place in (str(tmp_path), str(Path.home()), "metadata.sqlite", str(Path(__file__).parents[4])):
        assert place not in text
    parameters = yaml.safe_load(text)["root"]["inputDefinitions"]["parameters"]
    assert "defaultValue" not in parameters["devkit"]  # each run must set it


@pytest.mark.parametrize(
    ("root", "state", "publish_to"),
    [
        ("gs://bucket/root", "gs://bucket/root/training/unet", "gs://bucket/root/serving"),
        ("minio://bucket/root", "", None),  # only KFP's launcher can open minio://
    ],
)
def test_training_state_and_publishing_folder_are_below_a_writable_root(
    root: str, state: str, publish_to: str | None
) -> None:
    file = _spec(pipeline_root=root)
    inputs = _task(file, "SegmentationTrainer-unet")["inputs"]["parameters"]
    assert inputs["state_folder"] == {"runtimeValue": {"constant": state}}
    assert file.spec["root"]["inputDefinitions"]["parameters"]["publish_to"].get("defaultValue") == publish_to


def test_each_node_has_its_own_resources() -> None:
    file = _spec(
        'kubeflow.nodes={default: {memory: 4, retries: 2}, SegmentationTrainer: {memory: 16, cpu: 4, image: "gpu:1"}, '
        "SegmentationTrainer.unet: {accelerator: nvidia.com/gpu, memory_limit: 32}, "
        "VocExampleGen: {beam_args: [--direct_num_workers=4]}, ExampleValidator: {cache: false}}",
    )
    assert _container(file, "SchemaGen")["resources"] == {"memoryRequest": 4.0, "memoryLimit": 4.0}
    assert _container(file, "SegmentationTrainer-fcn8")["resources"] == {
        "cpuRequest": 4.0,
        "memoryRequest": 16.0,
        "memoryLimit": 16.0,
    }
    assert _container(file, "SegmentationTrainer-unet")["resources"] == {
        "cpuRequest": 4.0,
        "memoryRequest": 16.0,
        "memoryLimit": 32.0,
        "accelerator": {"type": "nvidia.com/gpu", "count": "1"},
    }
    assert _container(file, "SegmentationTrainer-unet")["image"] == "gpu:1"
    assert _container(file, "SchemaGen")["image"] == IMAGE
    assert _container(file, "VocExampleGen")["args"][-1] == "--direct_num_workers=4"
    assert _container(file, "StatisticsGen")["args"][-1] != "--direct_num_workers=4"
    assert _task(file, "Pusher")["retryPolicy"]["maxRetryCount"] == 2
    assert _task(file, "StatisticsGen")["cachingOptions"] == {"enableCache": True}
    for uncached in ("VocExampleGen", "PublishedModel", "Pusher", "ExampleValidator"):
        assert _task(file, uncached)["cachingOptions"] == {}


def test_every_node_gets_the_volumes_and_secrets() -> None:
    file = _spec(
        "kubeflow.volumes={/data: voc-data}",
        "kubeflow.secrets=[{name: minio, env: {AWS_ACCESS_KEY_ID: accesskey}}]",
        "kubeflow.env={AWS_ENDPOINT_URL: 'http://minio:9000'}",
        devkit="/data/VOC2012",
    )
    assert check_spec(file) == []
    assert set(file.platform) == set(file.spec["deploymentSpec"]["executors"])
    for config in file.platform.values():
        (mount,), (secret,) = config["pvcMount"], config["secretAsEnv"]
        assert (mount["mountPath"], mount["constant"]) == ("/data", "voc-data")
        assert secret["secretName"] == "minio"
        assert secret["keyToEnv"] == [{"secretKey": "accesskey", "envVar": "AWS_ACCESS_KEY_ID"}]
        assert "securityContext" not in config
    assert _container(file, "Pusher")["env"] == [{"name": "AWS_ENDPOINT_URL", "value": "http://minio:9000"}]


def test_every_node_refuses_root_on_request() -> None:
    file = _spec("kubeflow.run_as_non_root=true")
    assert check_spec(file) == []
    assert set(file.platform) == set(file.spec["deploymentSpec"]["executors"])
    assert all(config == {"securityContext": {"runAsNonRoot": True}} for config in file.platform.values())


@pytest.mark.parametrize(
    ("overrides", "settings", "message"),
    [
        (["kubeflow.run_as_non_root=true"], {"target": "vertex"}, "kubeflow.run_as_non_root needs Kubernetes"),
        (
            ["kubeflow.nodes={Trainer: {cpu: 1}}"],
            {},
            "kubeflow.nodes.Trainer: unknown node; the nodes are CuratedSchema",
        ),
        (["kubeflow.nodes={Pusher: {beam_args: [--x=1]}}"], {}, "Pusher does not run on Beam; remove its beam_args"),
        ([], {"devkit": "/home/me/VOC2012"}, "devkit: /home/me/VOC2012 is a path on this machine; give a URI"),
        ([], {"publish_to": "file:///serving"}, "publish-to: file:///serving is a path on this machine"),
        (["kubeflow.training_state=/state"], {}, "training state: /state is a path on this machine"),
        (["kubeflow.volumes={/data: voc}"], {"target": "vertex"}, "Vertex AI supports neither"),
        (["tracking.mlflow=http://localhost:5000"], {}, "tracking.mlflow: only `vocseg run` logs to MLflow; add --set"),
    ],
)
def test_invalid_settings_are_refused(overrides: list[str], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        _compiled(*overrides, **settings)


def test_the_vertex_job_runs_tfxs_own_command() -> None:
    job = json.loads(_compiled(target="vertex", pipeline_root="gs://bucket/root"))
    assert job["runtimeConfig"]["gcsOutputDirectory"] == "gs://bucket/root"
    executors = job["pipelineSpec"]["deploymentSpec"]["executors"]
    command = executors["exec-SegmentationTrainer-unet"]["container"]["command"]
    assert command[-1] == "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"


@pytest.mark.slow
def test_another_process_compiles_the_same_bytes(tmp_path: Path) -> None:
    command = ["kubeflow", "compile", "--image", IMAGE, "--pipeline-root", ROOT, "--output"]
    assert main([*command, str(tmp_path / "here.yaml")]) == 0
    finished = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *command, str(tmp_path / "there.yaml")],
        env={**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": str(Path(__file__).parents[4])},
        cwd=tmp_path,
        check=False,
    )
    assert finished.returncode == 0
    assert (tmp_path / "here.yaml").read_bytes() == (tmp_path / "there.yaml").read_bytes()


def test_two_nodes_with_one_name_are_refused() -> None:
    tasks: dict[str, Any] = {"Trainer.fcn_8": {}, "Trainer-fcn-8": {}}
    with pytest.raises(ValueError, match="two nodes would both become the task 'Trainer-fcn-8'"):
        with_valid_names({"root": {"dag": {"tasks": tasks}}, "deploymentSpec": {}, "components": {}})


def test_a_specification_that_fails_the_check_is_not_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "spec.yaml"
    output.write_text("the previous content")
    command = ["kubeflow", "compile", "--pipeline-root", ROOT, "--output", str(output)]
    assert main([*command, "--image", "voc-seg"]) == 1
    assert output.read_text() == "the previous content"
    assert list(tmp_path.iterdir()) == [output]
    assert "the image voc-seg has neither tag nor digest" in capfd.readouterr().err
    assert main([*command[:-1], str(tmp_path / "spec.txt"), "--image", IMAGE]) == 2
    assert "must end with .yaml or .yml" in capfd.readouterr().err


def test_submit_accepts_the_compiled_specification(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "demo.yaml"
    compiling = ("--image", IMAGE, "--pipeline-root", "gs://bucket/root", "--devkit", "gs://bucket/VOC2012")
    volumes = ("--set", "kubeflow.volumes={/data: voc-seg-data}")  # adds a second document
    assert vocseg_kubeflow("compile", *compiling, *volumes, "--output", spec) == 0
    with running_server() as server:
        server.states = ("SUCCEEDED",)
        assert vocseg_kubeflow("submit", spec, "--host", server.url, "--set", "epochs=3", "--wait") == 0
        (run,) = server.runs.values()
    assert run["runtime_config"]["parameters"] == {"epochs": 3}
    assert set(run["pipeline_spec"]) == {"pipeline_spec", "platform_spec"}
    printed = capsys.readouterr().out
    assert printed.index("VocExampleGen: succeeded") < printed.index("SegmentationTrainer-fcn8: succeeded")
    assert printed.index("SegmentationTrainer-unet: succeeded") < printed.index("Pusher: succeeded")
