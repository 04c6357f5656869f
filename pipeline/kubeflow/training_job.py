"""Creates manifests that train one candidate on several workers: a TFJob or a TrainJob.

TensorFlow's workers find each other through the environment variable TF_CONFIG. Kubeflow's Training Operator adds it to
the pods of a TFJob. Kubeflow Trainer, its successor, has no runtime for TensorFlow: the manifest of a TrainJob contains
TF_CONFIG itself, built from the host names that a JobSet gives its pods and from the index that Kubernetes gives each
pod of an indexed job.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import yaml

from pipeline.config.problems import ConfigError, refuse_tracking
from tfds_voc_seg.storage import OBJECT_STORES

if TYPE_CHECKING:
    from pipeline.config.kubeflow import KubeflowConfig, NodeConfig
    from pipeline.config.schema import CandidateConfig, RunConfig

Manifest = dict[str, Any]
Kind = Literal["tfjob", "trainjob"]

WORKER_PORT = 2222
CONTAINER_NAMES = {"tfjob": "tensorflow", "trainjob": "node"}
"""The container names that the operators require for the training container."""
WORKER_MODULE = "pipeline.kubeflow.train_candidate"

_INDEX_FIELD = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
_MAX_NAME_LENGTH = 40
"""Characters; with the operators' additions a name stays within Kubernetes' limit of 63."""


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
) -> list[Manifest]:
    """Creates the manifests.

    Image, resources and retries are those of the candidate's node in `kubeflow.nodes`; volumes, secrets and environment
    variables are those of `kubeflow`. The manifests contain only the names of secrets.

    Args:
        config: the whole run.
        candidate: name of the candidate to train.
        kind: `tfjob` for the Training Operator, `trainjob` for Kubeflow Trainer.
        image: the containers' image.
        workers: number of workers; each has the resources of the candidate's node.
        examples: location of an Examples artifact that all workers can reach: `gs://…`, `s3://…`, or a path in a
            volume.
        output: where the first worker writes the model.
        namespace: namespace of the job; by default that of `kubectl apply`.

    Returns:
        The documents to apply: one for a TFJob, two for a TrainJob.

    Raises:
        ConfigError: an unknown candidate, one with a detector's weights, a location that workers cannot reach, a batch
            that cannot be split evenly, or `tracking.mlflow`.
    """
    refuse_tracking(config)
    if candidate not in config.candidates:
        raise ConfigError(
            f"candidate {candidate!r} is not in {config.name}; the candidates are {', '.join(config.candidates)}"
        )
    settings, node = config.candidates[candidate], config.kubeflow.node(f"SegmentationTrainer.{candidate}")
    if settings.transfer:
        raise ConfigError(
            f"candidates.{candidate}.transfer: a job has no detector to transfer weights from; train it in the "
            f"pipeline, or without: --set candidates.{candidate}.transfer=false"
        )
    _check_distribution(settings, node, workers)
    for option, place in (("--examples", examples), ("--model-to", output)):
        if not (place.startswith(OBJECT_STORES) or config.kubeflow.in_volume(place)):
            raise ConfigError(
                f"{option} {place}: not all workers can reach it: give gs://…, s3://…, or a path below one of "
                f"kubeflow.volumes ({config.kubeflow.volume_paths})"
            )
    name = f"{config.name}-{candidate}".replace("_", "-")[:_MAX_NAME_LENGTH].rstrip("-")
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    container = {
        "name": CONTAINER_NAMES[kind],
        "image": node.image or image,
        "command": ["python", "-P", "-m", WORKER_MODULE],
        "args": _arguments(config, candidate, examples, output),
        **_environment(config.kubeflow),
        **_resources(node),
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    volumes = _volumes(config.kubeflow, with_shared_memory=bool(node.accelerator))
    if volumes:
        container["volumeMounts"] = [{"name": volume["name"], "mountPath": path} for path, volume in volumes.items()]
    pod: Manifest = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    if volumes:
        pod["volumes"] = list(volumes.values())
    create = _tf_job if kind == "tfjob" else _train_job
    return create(metadata, pod, workers, node.retries)


def as_yaml(manifests: list[Manifest]) -> str:
    """Returns manifests as the text of a file for `kubectl apply`."""
    text: str = yaml.safe_dump_all(manifests, sort_keys=False, width=120, allow_unicode=True)
    return text


def _check_distribution(settings: CandidateConfig, node: NodeConfig, workers: int) -> None:
    replicas = workers * (node.accelerators if node.accelerator else 1)
    if settings.training.batch_size % replicas:
        raise ConfigError(
            f"a batch of {settings.training.batch_size} cannot be split evenly over {replicas} devices: set "
            f"training.batch_size to a multiple of {replicas}"
        )
    if workers > 1 and settings.training.distribute == "none":
        raise ConfigError("training.distribute is 'none', so each worker would train alone; set it to auto")


def _arguments(config: RunConfig, candidate: str, examples: str, output: str) -> list[str]:
    settings, state_folder = config.candidates[candidate], config.kubeflow.training_state
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


def _environment(settings: KubeflowConfig) -> Manifest:
    plain: list[Manifest] = [{"name": name, "value": value} for name, value in sorted(settings.env.items())]
    secret: list[Manifest] = [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret.name, "key": key}}}
        for secret in settings.secrets
        for variable, key in sorted(secret.env.items())
    ]
    return {"env": [*plain, *secret]} if plain or secret else {}


def _resources(node: NodeConfig) -> Manifest:
    memory_limit = node.memory_limit or node.memory
    requests = {"cpu": _quantity(node.cpu), "memory": _quantity(node.memory, "G")}
    limits = {"cpu": _quantity(node.cpu_limit), "memory": _quantity(memory_limit, "G")}
    if node.accelerator:
        limits[node.accelerator] = str(node.accelerators)
    both = {
        "requests": {key: value for key, value in requests.items() if value},
        "limits": {key: value for key, value in limits.items() if value},
    }
    resources = {key: values for key, values in both.items() if values}
    return {"resources": resources} if resources else {}


def _quantity(value: float | None, unit: str = "") -> str | None:
    return None if value is None else f"{value:g}{unit}"


def _volumes(settings: KubeflowConfig, *, with_shared_memory: bool) -> dict[str, Manifest]:
    """Maps each mount path to its volume.

    NCCL moves data between GPUs through shared memory, and a container has only 64 MB of it by default.
    """
    volumes: dict[str, Manifest] = {
        path: {"name": f"volume-{index}", "persistentVolumeClaim": {"claimName": claim}}
        for index, (path, claim) in enumerate(sorted(settings.volumes.items()))
    }
    if with_shared_memory:
        volumes["/dev/shm"] = {"name": "shared-memory", "emptyDir": {"medium": "Memory"}}
    return volumes


def _tf_job(metadata: Manifest, pod: Manifest, workers: int, retries: int) -> list[Manifest]:
    worker = {"replicas": workers, "restartPolicy": "OnFailure", "template": {"spec": pod}}
    return [
        {
            "apiVersion": "kubeflow.org/v1",
            "kind": "TFJob",
            "metadata": metadata,
            # The first worker is the chief, which writes the model. When it ends, the job is complete and the other
            # workers are stopped.
            "spec": {
                "runPolicy": {"cleanPodPolicy": "Running", "backoffLimit": retries},
                "tfReplicaSpecs": {"Worker": worker},
            },
        }
    ]


def _train_job(metadata: Manifest, pod: Manifest, workers: int, retries: int) -> list[Manifest]:
    name = metadata["name"]
    (container,) = pod["containers"]
    if workers > 1:
        hosts = [f"{name}-node-0-{index}.{name}:{WORKER_PORT}" for index in range(workers)]
        task = '"task": {"type": "worker", "index": $(WORKER_INDEX)}'  # Kubernetes replaces the variable
        container["env"] = [
            *container.get("env", []),
            {"name": "WORKER_INDEX", "valueFrom": {"fieldRef": {"fieldPath": _INDEX_FIELD}}},
            {"name": "TF_CONFIG", "value": f'{{"cluster": {json.dumps({"worker": hosts})}, {task}}}'},
        ]
    job = {
        "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
        "spec": {
            "completionMode": "Indexed",
            # A single worker cannot rejoin the others: after a failure all restart, from the last finished epoch.
            "backoffLimit": 0,
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
