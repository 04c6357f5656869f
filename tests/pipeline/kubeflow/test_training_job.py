"""Manifests of a distributed training, and a training in two processes that follows a manifest."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from components.run_files import CHECKSUMS_FILE, LAYER_WEIGHTS_FILE
from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE
from tests.kubeflow.manifest_types import problems
from tests.pipeline.kubeflow.server.cluster_commands import IMAGE, vocseg_kubeflow
from tfds_voc_seg.storage import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[3]
WAIT_SECONDS = 900
PRESET = {
    "name": "small_run",
    "data": {"classes": ["person", "car"], "image_size": 32},
    "training": {"epochs": 3, "batch_size": 4},
    "candidates": {"unet": {"network": "unet", "options": {"width": 4, "depth": 1}}},
    "kubeflow": {
        "volumes": {"/data": "voc-seg-data"},
        "secrets": [{"name": "object-storage", "env": {"AWS_SECRET_ACCESS_KEY": "secret"}}],
        "env": {"AWS_ENDPOINT_URL": "http://minio.example"},
        "nodes": {
            "default": {"memory": 4},
            "SegmentationTrainer": {"cpu": 2, "accelerator": "nvidia.com/gpu", "accelerators": 1, "retries": 3},
        },
    },
}


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(PRESET))
    return tmp_path / "small.yaml"


def manifests(preset: Path, *more: object) -> list[dict[str, Any]]:
    file = preset.with_name("job.yaml")
    arguments = ("--preset", preset, "--candidate", "unet", "--image", IMAGE, "--output", file)
    places = () if "--examples" in more else ("--examples", "/data/examples", "--model-to", "/data/trained")
    assert vocseg_kubeflow("training-job", *arguments, *places, *more) == 0
    return list(yaml.safe_load_all(file.read_text()))


def container_of(manifest: dict[str, Any]) -> dict[str, Any]:
    if manifest["kind"] == "TFJob":
        pod = manifest["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]
    else:
        pod = manifest["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    container: dict[str, Any]
    (container,) = pod["containers"]
    return container


def test_a_tfjob_matches_the_operators_types_and_has_the_nodes_settings(preset: Path) -> None:
    (job,) = manifests(preset, "--namespace", "team", "--workers", "4")
    assert list(problems(job, "KubeflowOrgV1TFJob", "kubeflow.training")) == []
    assert job["metadata"] == {"name": "small-run-unet", "namespace": "team"}
    assert job["spec"]["tfReplicaSpecs"]["Worker"]["replicas"] == 4
    assert job["spec"]["runPolicy"]["backoffLimit"] == 3
    container = container_of(job)
    assert container["name"] == "tensorflow"  # the operator requires this name
    assert container["resources"] == {
        "requests": {"cpu": "2", "memory": "4G"},
        "limits": {"memory": "4G", "nvidia.com/gpu": "1"},
    }
    assert {"name": "AWS_ENDPOINT_URL", "value": "http://minio.example"} in container["env"]
    secret = {"secretKeyRef": {"name": "object-storage", "key": "secret"}}
    assert {"name": "AWS_SECRET_ACCESS_KEY", "valueFrom": secret} in container["env"]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/data", "/dev/shm"]
    assert "TF_CONFIG" not in json.dumps(job)  # the operator adds it


def test_the_type_check_finds_unknown_fields_and_wrong_types(preset: Path) -> None:
    (job,) = manifests(preset)
    job["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Always"
    job["spec"]["tfReplicaSpecs"]["Worker"]["replicas"] = "two"
    found = list(problems(job, "KubeflowOrgV1TFJob", "kubeflow.training"))
    assert len(found) == 2
    assert "spec.containers[0].imagePolicy: unknown to V1Container" in "".join(found)
    assert "replicas: must be int, is 'two'" in "".join(found)


def test_a_trainjob_matches_trainers_types_and_contains_the_workers(preset: Path) -> None:
    from kubeflow_trainer_api import models

    runtime, job = manifests(preset, "--kind", "trainjob")
    for manifest, model in (
        (runtime, models.TrainerV1alpha1TrainingRuntime),
        (job, models.TrainerV1alpha1TrainJob),
    ):
        assert model.from_dict(manifest).to_dict() == manifest  # a model drops unknown fields
    assert job["spec"]["runtimeRef"]["name"] == runtime["metadata"]["name"] == "small-run-unet"
    for index in (0, 1):
        assert json.loads(tf_config_of(runtime, index)) == {
            "cluster": {
                "worker": ["small-run-unet-node-0-0.small-run-unet:2222", "small-run-unet-node-0-1.small-run-unet:2222"]
            },
            "task": {"type": "worker", "index": index},
        }
    variables = [variable["name"] for variable in container_of(runtime)["env"]]
    assert variables.index("WORKER_INDEX") < variables.index(
        "TF_CONFIG"
    )  # Kubernetes replaces only variables defined before
    (single, _) = manifests(preset, "--kind", "trainjob", "--workers", "1")
    assert "TF_CONFIG" not in json.dumps(single)


def tf_config_of(runtime: dict[str, Any], index: int) -> str:
    (value,) = [entry["value"] for entry in container_of(runtime)["env"] if entry["name"] == "TF_CONFIG"]
    return str(value).replace("$(WORKER_INDEX)", str(index))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--candidate", "fcn8"), "candidate 'fcn8' is not in small_run; the candidates are unet"),
        (
            ("--workers", "3"),
            "a batch of 4 cannot be split evenly over 3 devices: set training.batch_size to a multiple of 3",
        ),
        (("--set", "training.distribute=none"), "training.distribute is 'none', so each worker would train alone"),
        (
            ("--examples", "minio://bucket/examples"),
            "--examples minio://bucket/examples: not all workers can reach it: give gs://",
        ),
        (("--model-to", "/home/me"), "give gs://…, s3://…, or a path below one of kubeflow.volumes (/data)"),
        (("--set", "training.epochs=0"), "training.epochs: input should be greater than or equal to 1 (got 0)"),
        (
            ("--preset", "transfer_sample", "--candidate", "fcn8_transfer"),
            "candidates.fcn8_transfer.transfer: a job has no detector to transfer weights from",
        ),
        (("--set", "tracking.mlflow=http://localhost"), "tracking.mlflow: only `vocseg run` logs to MLflow"),
    ],
)
def test_a_job_that_cannot_train_is_refused(
    preset: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], message: str
) -> None:
    arguments = (
        *("--preset", preset, "--candidate", "unet", "--image", IMAGE),
        *("--examples", "/data/e", "--model-to", "gs://m"),
    )
    assert vocseg_kubeflow("training-job", *arguments, *more) == EXIT_USAGE
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""


def test_without_a_file_the_manifests_are_printed(preset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (job,) = manifests(preset)
    capsys.readouterr()
    arguments = ("--preset", preset, "--candidate", "unet", "--image", IMAGE)
    places = ("--examples", "/data/examples", "--model-to", "/data/trained")
    assert vocseg_kubeflow("training-job", *arguments, *places) == 0
    assert yaml.safe_load(capsys.readouterr().out) == job
    file = preset / "job.yaml"
    assert vocseg_kubeflow("training-job", *arguments, *places, "--output", file) == EXIT_FAILED
    assert capsys.readouterr().err.startswith(f"vocseg: {file} cannot be written: Not a directory")


def test_a_retry_with_other_weights_in_the_same_place_starts_again(
    examples: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pods of a job have the same arguments at each retry; only the content of the weights is another."""
    from components.networks import create_network
    from components.networks.layer_weights import write_layer_weights
    from pipeline.kubeflow.train_candidate import main

    def no_space(*_: object) -> None:
        raise OSError("no space left")

    def write_weights() -> None:
        network = create_network("unet", image_size=32, num_classes=6, **sizes)
        write_layer_weights(network, release / LAYER_WEIGHTS_FILE)
        (release / CHECKSUMS_FILE).write_text(f"{file_sha256(release / LAYER_WEIGHTS_FILE)}  {LAYER_WEIGHTS_FILE}\n")

    release, sizes = tmp_path / "release", {"width": 4, "depth": 1}
    release.mkdir()
    values = {
        "candidate": "unet",
        "network": "unet",
        "options": json.dumps({**sizes, "weights": str(release)}),
        "training": json.dumps({"epochs": 1, "batch_size": 5, "distribute": "none"}),
        "examples": examples.uri,
        "output": tmp_path / "trained",
        "state-folder": tmp_path / "state",
    }
    monkeypatch.setattr("components.segmentation_trainer.executor.export_saved_model", no_space)  # the state is kept
    write_weights()
    for trainings in (1, 1, 2):
        if trainings == 2:
            write_weights()
        with pytest.raises(OSError, match="no space left"):
            main([f"--{name}={value}" for name, value in values.items()])
        assert len(list((tmp_path / "state").iterdir())) == trainings


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """A list for started processes; they are killed after the test."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_two_workers_of_a_trainjob_resume_after_they_were_killed(
    preset: Path, examples: Any, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    """Runs the containers' own command in two processes; ports of this machine replace the pods' host names."""
    output = tmp_path / "trained"
    (runtime, _) = manifests(
        preset,
        *("--kind", "trainjob", "--examples", examples.uri, "--model-to", output, "--set", "training.epochs=4"),
        *("--set", f"kubeflow.volumes={{{Path(examples.uri).parents[1]}: claim}}"),
    )
    container = container_of(runtime)

    def start() -> list[subprocess.Popen[bytes]]:
        with socket.socket() as first, socket.socket() as second:
            for probe in (first, second):
                probe.bind(("localhost", 0))
            ports = [probe.getsockname()[1] for probe in (first, second)]
        for index in (0, 1):
            config = json.loads(tf_config_of(runtime, index))
            config["cluster"]["worker"] = [f"localhost:{port}" for port in ports]
            environment = {**os.environ, "TF_CONFIG": json.dumps(config), "PYTHONPATH": str(PROJECT)}
            environment["CUDA_VISIBLE_DEVICES"] = "-1"
            command = [sys.executable, *container["command"][1:], *container["args"]]
            log = (tmp_path / f"worker{index}.log").open("ab")
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        return started[-2:]

    def finished_epochs() -> int:
        states = list((output / "state").glob("*/state.json"))
        return len(json.loads(states[0].read_text())["history"]["loss"]) if states else 0

    workers = start()
    deadline = time.monotonic() + WAIT_SECONDS
    while finished_epochs() < 1 and all(worker.poll() is None for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for worker in workers:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    interrupted_after = finished_epochs()
    assert interrupted_after >= 1
    statuses = [worker.wait(timeout=WAIT_SECONDS) for worker in start()]
    assert statuses == [0, 0], (tmp_path / "worker1.log").read_text()[-3000:]
    assert (output / "model/Format-Serving/saved_model.pb").exists()
    history = json.loads((output / "model_run/history.json").read_text())
    assert len(history["loss"]) == 4
    assert not any((output / "state").glob("*/*"))
    # A third start finds the model and refuses to overwrite it.
    assert [worker.wait(timeout=WAIT_SECONDS) for worker in start()] == [2, 2]
