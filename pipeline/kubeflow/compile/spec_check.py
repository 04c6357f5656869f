"""What the open-source backend of Kubeflow Pipelines can't run, found before anything is submitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.kubeflow.compile.parameter_check import parameter_problems
from pipeline.kubeflow.compile.spec_file import SpecFile
from pipeline.kubeflow.compile.task_names import LONGEST_NAME, VALID_NAME

SCHEMA_VERSION = "2.1.0"
STORAGE_SCHEMES = ("gs://", "s3://", "minio://")
"""What the launcher copies artifacts to and from."""

_OWN_DRIVER = "tfx.orchestration.kubeflow.v2.file_based_example_gen.driver"
_OWN_ENTRYPOINT = "pipeline.kubeflow.entrypoint"
_NOT_IMPLEMENTED = {
    "resolver": "is a Resolver, which only Vertex AI has; read what it looks for in a component of your own, "
    "as PublishedModel does",
    "customJob": "is a custom job of Google Cloud, which the open-source backend does not have",
}


def check_spec(file: SpecFile) -> list[str]:
    """Looks for what the open-source backend would refuse, or could only fail on.

    Args:
        file: the specification.

    Returns:
        A sentence a problem, in a fixed order; empty where nothing is wrong.
    """
    if file.is_job:
        return [
            "the file is a pipeline job for Vertex AI; the open-source backend takes the YAML that "
            "`vocseg kubeflow compile --output FILE.yaml` writes"
        ]
    problems = list(_parse_problems(file))
    if problems:
        return problems  # what does not parse can't be looked at further
    return [
        *_head_problems(file.spec),
        *_task_problems(file.spec),
        *_component_problems(file.spec),
        *_executor_problems(file.spec),
        *parameter_problems(file),
    ]


def _parse_problems(file: SpecFile) -> Iterator[str]:
    """Parses against kfp-pipeline-spec, and the second document against kfp-kubernetes, unknown fields refused."""
    from google.protobuf import json_format
    from kfp.kubernetes import kubernetes_executor_config_pb2
    from kfp.pipeline_spec import pipeline_spec_pb2

    try:
        spec = json_format.ParseDict(file.spec, pipeline_spec_pb2.PipelineSpec())
        deployment = json_format.MessageToDict(spec.deployment_spec)
        json_format.ParseDict(deployment, pipeline_spec_pb2.PipelineDeploymentConfig())
    except json_format.ParseError as error:
        yield f"the file does not parse as a PipelineSpec: {error}"
    for executor, values in file.platform.items():
        try:
            json_format.ParseDict(values, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
        except json_format.ParseError as error:
            yield f"platforms.kubernetes, {executor}: does not parse: {error}"


def _head_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    version = spec.get("schemaVersion")
    if version != SCHEMA_VERSION:
        yield f"schemaVersion is {version}; the open-source backend takes {SCHEMA_VERSION}"
    root = spec.get("defaultPipelineRoot", "")
    if root and not root.startswith(STORAGE_SCHEMES):
        yield f"defaultPipelineRoot is {root}; the launcher copies artifacts to {', '.join(STORAGE_SCHEMES)} only"


def _task_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    tasks = spec["root"].get("dag", {}).get("tasks", {})
    if not tasks:
        yield "the specification has no task"
    for name, task in tasks.items():
        if not VALID_NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            yield (
                f"task {name}: its name becomes that of an Argo task, which takes at most {LONGEST_NAME} letters, "
                "digits and hyphens"
            )
        if task.get("componentRef", {}).get("name") not in spec.get("components", {}):
            yield f"task {name}: its component {task.get('componentRef', {}).get('name')} is not there"
        for dependency in task.get("dependentTasks", []):
            if dependency not in tasks:
                yield f"task {name}: waits for the task {dependency}, which is not there"
        yield from _input_problems(name, task.get("inputs", {}), tasks)


def _input_problems(name: str, inputs: Mapping[str, Any], tasks: Mapping[str, Any]) -> Iterator[str]:
    for kind, field in (("artifacts", "taskOutputArtifact"), ("parameters", "taskOutputParameter")):
        for key, source in inputs.get(kind, {}).items():
            producer = source.get(field, {}).get("producerTask")
            if producer is not None and producer not in tasks:
                yield (
                    f"task {name}: input {key} comes from the task {producer}, which is not there; TFX writes this for "
                    "a parameter that is another node's output: pass an artifact instead"
                )


def _component_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    for name, component in spec.get("components", {}).items():
        if not VALID_NAME.fullmatch(name):
            yield f"component {name}: its name becomes that of an Argo template: letters, digits and hyphens only"
        for key, artifact in component.get("inputDefinitions", {}).get("artifacts", {}).items():
            if artifact.get("isArtifactList"):
                yield (
                    f"component {name}: input {key} is a union of several channels, which TFX's nodes can't read "
                    "there; give each channel an input of its own, as the candidates have"
                )
        if component.get("executorLabel") not in spec["deploymentSpec"].get("executors", {}):
            yield f"component {name}: its executor {component.get('executorLabel')} is not there"


def _executor_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    for name, executor in spec["deploymentSpec"].get("executors", {}).items():
        for kind, why in _NOT_IMPLEMENTED.items():
            if kind in executor:
                yield f"executor {name} {why}"
        container = executor.get("container")
        if container is None:
            continue
        if not _has_tag_or_digest(container.get("image", "")):
            yield (
                f"executor {name}: the image {container.get('image') or '(none)'} has neither tag nor digest: what it "
                "means changes with time; name a version (…:0.1.0) or a digest (…@sha256:…)"
            )
        driver = container.get("lifecycle", {}).get("preCacheCheck", {}).get("command", [])
        if driver and not (_OWN_DRIVER in driver and _OWN_ENTRYPOINT in container.get("command", [])):
            yield (
                f"executor {name}: the custom driver `{' '.join(driver)}` would never be run; do its work in the "
                "component's executor"
            )


def _has_tag_or_digest(image: str) -> bool:
    name, at, digest = image.partition("@")
    if at:
        return digest.startswith("sha256:") and len(digest) == len("sha256:") + 64
    return ":" in name.rpartition("/")[2] and not name.endswith(":")
