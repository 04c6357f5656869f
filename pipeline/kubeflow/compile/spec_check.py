"""Checks a specification for what the open-source backend of Kubeflow Pipelines cannot run, before it is submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.kubeflow.compile.parameter_check import parameter_problems
from pipeline.kubeflow.compile.specification import MAX_NAME_LENGTH, VALID_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.kubeflow.compile.specification import SpecFile

SCHEMA_VERSION = "2.1.0"
STORAGE_SCHEMES = ("gs://", "s3://", "minio://")
"""URI schemes that the launcher can copy artifacts to and from."""

_TFX_EXAMPLE_GEN_DRIVER = "tfx.orchestration.kubeflow.v2.file_based_example_gen.driver"
_ENTRYPOINT = "pipeline.kubeflow.entrypoint"
"""Runs the driver of TFX's ExampleGen itself."""
_UNSUPPORTED_EXECUTORS = {
    "resolver": "is a Resolver, which only Vertex AI supports; read the artifact in a component of your own, "
    "as PublishedModel does",
    "customJob": "is a custom job of Google Cloud, which the open-source backend does not support",
}


def check_spec(file: SpecFile) -> list[str]:
    """Finds what the open-source backend would refuse or fail to run.

    Args:
        file: the specification.

    Returns:
        One sentence per problem, in a fixed order; empty if there is no problem.
    """
    if file.is_job:
        return [
            "the file is a pipeline job for Vertex AI; the open-source backend needs the YAML that "
            "`vocseg kubeflow compile --output FILE.yaml` writes"
        ]
    problems = list(_parse_problems(file))
    if problems:
        return problems  # the other checks need a file that parses
    return [
        *_head_problems(file.spec),
        *_task_problems(file.spec),
        *_component_problems(file.spec),
        *_executor_problems(file.spec),
        *parameter_problems(file),
    ]


def _parse_problems(file: SpecFile) -> Iterator[str]:
    """Parses against kfp-pipeline-spec, and the second document against kfp-kubernetes; refuses unknown fields."""
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
        yield f"schemaVersion is {version}; the open-source backend needs {SCHEMA_VERSION}"
    root = spec.get("defaultPipelineRoot", "")
    if root and not root.startswith(STORAGE_SCHEMES):
        yield f"defaultPipelineRoot is {root}; the launcher can copy artifacts only to {', '.join(STORAGE_SCHEMES)}"


def _task_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    tasks = spec["root"].get("dag", {}).get("tasks", {})
    if not tasks:
        yield "the specification has no task"
    for name, task in tasks.items():
        if not VALID_NAME.fullmatch(name) or len(name) > MAX_NAME_LENGTH:
            yield (
                f"task {name}: its name becomes the name of an Argo task, which allows at most {MAX_NAME_LENGTH} "
                "letters, digits and hyphens"
            )
        component = task.get("componentRef", {}).get("name")
        if component not in spec.get("components", {}):
            yield f"task {name}: its component {component} does not exist"
        for dependency in task.get("dependentTasks", []):
            if dependency not in tasks:
                yield f"task {name}: depends on the task {dependency}, which does not exist"
        yield from _input_problems(name, task.get("inputs", {}), tasks)


def _input_problems(name: str, inputs: Mapping[str, Any], tasks: Mapping[str, Any]) -> Iterator[str]:
    for kind, field in (("artifacts", "taskOutputArtifact"), ("parameters", "taskOutputParameter")):
        for key, source in inputs.get(kind, {}).items():
            producer = source.get(field, {}).get("producerTask")
            if producer is not None and producer not in tasks:
                yield (
                    f"task {name}: input {key} comes from the task {producer}, which does not exist; TFX writes this "
                    "if a parameter is the output of another node: pass an artifact instead"
                )


def _component_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    for name, component in spec.get("components", {}).items():
        if not VALID_NAME.fullmatch(name):
            yield (
                f"component {name}: its name becomes the name of an Argo template, which allows only letters, digits "
                "and hyphens"
            )
        for key, artifact in component.get("inputDefinitions", {}).get("artifacts", {}).items():
            if artifact.get("isArtifactList"):
                yield (
                    f"component {name}: input {key} is a union of several channels, which TFX's nodes cannot read on "
                    "this backend; give each channel its own input, as for the candidates' models"
                )
        executor = component.get("executorLabel")
        if executor not in spec["deploymentSpec"].get("executors", {}):
            yield f"component {name}: its executor {executor} does not exist"


def _executor_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    for name, executor in spec["deploymentSpec"].get("executors", {}).items():
        for kind, reason in _UNSUPPORTED_EXECUTORS.items():
            if kind in executor:
                yield f"executor {name} {reason}"
        container = executor.get("container")
        if container is None:
            continue
        if not _has_tag_or_digest(container.get("image", "")):
            yield (
                f"executor {name}: the image {container.get('image') or '(none)'} has neither tag nor digest, so it "
                "can change between runs; name a version (…:0.1.0) or a digest (…@sha256:…)"
            )
        driver = container.get("lifecycle", {}).get("preCacheCheck", {}).get("command", [])
        if driver and not (_TFX_EXAMPLE_GEN_DRIVER in driver and _ENTRYPOINT in container.get("command", [])):
            yield (
                f"executor {name}: the backend never runs the custom driver `{' '.join(driver)}`; do its work in the "
                "component's executor"
            )


def _has_tag_or_digest(image: str) -> bool:
    name, at, digest = image.partition("@")
    if at:
        return digest.startswith("sha256:") and len(digest) == len("sha256:") + 64
    return ":" in name.rpartition("/")[2] and not name.endswith(":")
