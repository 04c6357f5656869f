"""Manifests that train one candidate on several workers: Kubeflow's TFJob, or its successor's TrainJob.

TensorFlow's workers find each other by TF_CONFIG. The Training Operator writes it into a TFJob's pods. Kubeflow Trainer
has no runtime for TensorFlow: there the manifest holds it, made of the host names that a JobSet gives its pods and of
the index that Kubernetes gives each pod of an indexed job.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import yaml

from pipeline.config.problems import ConfigError
from pipeline.config.schema import CandidateConfig, RunConfig
from tfds_voc_seg.storage import OBJECT_STORES

Kind = Literal["tfjob", "trainjob"]

WORKER_PORT = 2222
CONTAINER_OF = {"tfjob": "tensorflow", "trainjob": "node"}
"""What the operators call the container that trains."""
WORKER_MODULE = "pipeline.kubeflow.train_candidate"

_INDEX_FIELD = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
_LONGEST_NAME = 40
"""Characters, so that the operators' own additions stay within Kubernetes' 63."""


def training_job(
    config: RunConfig,
    candidate: str,
    *,
    kind: Kind,
    image: str,
    workers: int,
    examples: str,
    output: str,
    namespace: str | None = None,
) -> list[dict[str, Any]]:
    """Makes the manifests.

    The candidate's node in `kubeflow.nodes` gives image, resources and retries; volumes, secrets and environment
    variables are those of `kubeflow`. Secrets stand in them by name alone.

    Args:
        config: the whole run.
        candidate: which of its candidates.
        kind: for which operator.
        image: the containers' image.
        workers: how many; each has the resources of the node.
        examples: where all workers find this project's Examples artifact: `gs://…`, `s3://…`, or a path in a volume.
        output: where the first worker writes the model.
        namespace: of the job; by default the one that it is applied to.

    Returns:
        The documents to apply, one for a TFJob and two for a TrainJob.

    Raises:
        ConfigError: an unknown candidate, a place that workers can't reach, or a batch that can't be split over them.
    """
    if candidate not in config.candidates:
        raise ConfigError(f"candidate {candidate!r} is not in {config.name}; it has {', '.join(config.candidates)}")
    settings, node = config.candidates[candidate], config.kubeflow.node(f"SegmentationTrainer.{candidate}")
    replicas = workers * (node.accelerators if node.accelerator else 1)
    if settings.training.batch_size % replicas:
        raise ConfigError(
            f"a batch of {settings.training.batch_size} can't be split over {replicas} devices: set "
            f"training.batch_size to a multiple of {replicas}"
        )
    if workers > 1 and settings.training.distribute == "none":
        raise ConfigError("training.distribute is none: each worker would train by itself; set it to auto")
    for option, place in (("--examples", examples), ("--model-to", output)):
        if not (
            place.startswith(OBJECT_STORES)
            or any(f"{place}/".startswith(f"{path}/") for path in config.kubeflow.volumes)
        ):
            raise ConfigError(
                f"{option} {place}: all workers have to reach it: give gs://…, s3://…, or a path below one of "
                f"kubeflow.volumes ({', '.join(config.kubeflow.volumes) or 'there are none'})"
            )
    name = f"{config.name}-{candidate}".replace("_", "-")[:_LONGEST_NAME].rstrip("-")
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    container = {
        "name": CONTAINER_OF[kind],
        "image": node.image or image,
        "command": ["python", "-m", WORKER_MODULE],
        "args": _arguments(config, candidate, settings, examples, output),
        **_environment(config),
        **_resources(config, candidate),
    }
    volumes = _volumes(config, with_shared_memory=bool(node.accelerator))
    if volumes:
        container["volumeMounts"] = [{"name": volume["name"], "mountPath": path} for path, volume in volumes.items()]
    pod = {"securityContext": {"runAsNonRoot": True}, "containers": [container]}
    if volumes:
        pod["volumes"] = list(volumes.values())
    make = _tf_job if kind == "tfjob" else _train_job
    return make(metadata, pod, workers, node.retries)


def as_yaml(manifests: list[dict[str, Any]]) -> str:
    """Manifests as a file for `kubectl apply`."""
    return yaml.safe_dump_all(manifests, sort_keys=False, width=120, allow_unicode=True)


def _arguments(config: RunConfig, candidate: str, settings: CandidateConfig, examples: str, output: str) -> list[str]:
    state_folder = config.kubeflow.training_state
    values = {
        "candidate": candidate,
        "network": settings.network,
        "options": json.dumps(settings.options, sort_keys=True),
        "training": settings.training.model_dump_json(),
        "examples": examples,
        "output": output,
        "state-folder": f"{output.rstrip('/')}/state" if state_folder is None else state_folder,
    }
    return [f"--{name}={value}" for name, value in values.items()]


def _environment(config: RunConfig) -> dict[str, Any]:
    plain = [{"name": name, "value": value} for name, value in sorted(config.kubeflow.env.items())]
    secret = [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret.name, "key": key}}}
        for secret in config.kubeflow.secrets
        for variable, key in sorted(secret.env.items())
    ]
    return {"env": [*plain, *secret]} if plain or secret else {}


def _resources(config: RunConfig, candidate: str) -> dict[str, Any]:
    node = config.kubeflow.node(f"SegmentationTrainer.{candidate}")
    requests = {"cpu": _number(node.cpu), "memory": _gigabytes(node.memory)}
    limits = {"cpu": _number(node.cpu_limit), "memory": _gigabytes(node.memory_limit or node.memory)}
    if node.accelerator:
        limits[node.accelerator] = str(node.accelerators)
    both = {
        "requests": {key: value for key, value in requests.items() if value},
        "limits": {key: value for key, value in limits.items() if value},
    }
    resources = {key: values for key, values in both.items() if values}
    return {"resources": resources} if resources else {}


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:g}"


def _gigabytes(value: float | None) -> str | None:
    return None if value is None else f"{value:g}G"


def _volumes(config: RunConfig, *, with_shared_memory: bool) -> dict[str, dict[str, Any]]:
    """Mount path → volume. NCCL moves data between GPUs through shared memory, of which a container has 64 MB."""
    volumes: dict[str, dict[str, Any]] = {
        path: {"name": f"volume-{index}", "persistentVolumeClaim": {"claimName": claim}}
        for index, (path, claim) in enumerate(sorted(config.kubeflow.volumes.items()))
    }
    if with_shared_memory:
        volumes["/dev/shm"] = {"name": "shared-memory", "emptyDir": {"medium": "Memory"}}
    return volumes


def _tf_job(metadata: dict[str, Any], pod: dict[str, Any], workers: int, retries: int) -> list[dict[str, Any]]:
    worker = {"replicas": workers, "restartPolicy": "OnFailure", "template": {"spec": pod}}
    return [
        {
            "apiVersion": "kubeflow.org/v1",
            "kind": "TFJob",
            "metadata": metadata,
            # The first worker is the chief: done when it is, whose files count, and the others end with it.
            "spec": {
                "runPolicy": {"cleanPodPolicy": "Running", "backoffLimit": retries},
                "tfReplicaSpecs": {"Worker": worker},
            },
        }
    ]


def _train_job(metadata: dict[str, Any], pod: dict[str, Any], workers: int, retries: int) -> list[dict[str, Any]]:
    name = metadata["name"]
    (container,) = pod["containers"]
    if workers > 1:
        hosts = [f"{name}-node-0-{index}.{name}:{WORKER_PORT}" for index in range(workers)]
        task = '"task": {"type": "worker", "index": $(WORKER_INDEX)}'  # Kubernetes puts the variable in
        container["env"] = [
            *container.get("env", []),
            {"name": "WORKER_INDEX", "valueFrom": {"fieldRef": {"fieldPath": _INDEX_FIELD}}},
            {"name": "TF_CONFIG", "value": f'{{"cluster": {json.dumps({"worker": hosts})}, {task}}}'},
        ]
    job = {
        "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
        "spec": {
            "completionMode": "Indexed",
            "backoffLimit": 0,  # a worker can't join the others again: all begin anew, from the last finished epoch
            "template": {"spec": {**pod, "restartPolicy": "Never"}},
        },
    }
    runtime = {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainingRuntime",
        "metadata": metadata,
        "spec": {
            "mlPolicy": {"numNodes": workers},
            "template": {
                "spec": {
                    "failurePolicy": {"maxRestarts": retries},
                    "replicatedJobs": [{"name": "node", "template": job}],
                }
            },
        },
    }
    train_job = {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": metadata,
        "spec": {
            "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": "TrainingRuntime", "name": name},
            "trainer": {"numNodes": workers},
        },
    }
    return [runtime, train_job]
