"""What the open-source backend does around a node's command: task order, message, storage and metadata.

Modelled on kubeflow/pipelines 2.x: `backend/src/v2/driver` (`provisionOutputs`, `resolveInputs`),
`backend/src/v2/component/launcher_v2.go` (`LocalPathForURI`) and `backend/src/v2/metadata`
(`StructValueToMLMDValue`, `toRuntimeArtifact`). The backend's deviations are reproduced: an output `executor-logs` that
no component declares, input artifacts with an empty `instanceSchema`, booleans that return as numbers, lists and
structs that return inside one more struct, and nulls that are refused.

Before the container's command starts, the launcher copies the input artifacts to a local folder named after their
storage; after the command has ended, the launcher copies the output artifacts back. The message to the command contains
URIs nevertheless.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

LOGS_OUTPUT = "executor-logs"

LOCAL_ROOT_VARIABLE = "ARTIFACT_LOCAL_PATH"
"""The launcher's environment variable for a root other than `/`, for tests."""

MOUNTS = {"gs://": "gcs", "minio://": "minio", "s3://": "s3"}
"""URI scheme → the launcher's local folder. The launcher does not copy artifacts of other schemes or local paths."""


class BackendError(RuntimeError):
    """An input that the backend itself would refuse."""


@dataclasses.dataclass(frozen=True)
class StoredArtifact:
    """An artifact in the backend's metadata store.

    Attributes:
        artifact_id: its number in the store.
        uri: its folder or file in the object store.
        metadata: its metadata, as the store returns them.
    """

    artifact_id: int
    uri: str
    metadata: struct_pb2.Struct


Stored = Mapping[tuple[str, str], StoredArtifact]
"""(task, output key) → the artifact."""


def task_order(spec: pipeline_spec_pb2.PipelineSpec) -> list[str]:
    """Returns the tasks, each after the tasks that it depends on; tasks that could swap places are sorted by name.

    Raises:
        BackendError: the tasks depend on each other in a cycle, or on a task that does not exist.
    """
    graph = {name: _dependencies(task) for name, task in sorted(spec.root.dag.tasks.items())}
    for name, dependencies in graph.items():
        if not dependencies <= set(graph):
            raise BackendError(f"task {name!r} depends on {min(dependencies - set(graph))!r}, which does not exist")
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise BackendError(f"the tasks {', '.join(error.args[1])} depend on each other in a cycle") from error


def _dependencies(task: pipeline_spec_pb2.PipelineTaskSpec) -> set[str]:
    producers = {source.task_output_artifact.producer_task for source in task.inputs.artifacts.values()}
    return producers | set(task.dependent_tasks)


def build_executor_input(
    task: pipeline_spec_pb2.PipelineTaskSpec,
    component: pipeline_spec_pb2.ComponentSpec,
    *,
    run_root: str,
    salt: str,
    output_file: str,
    arguments: Mapping[str, Any],
    stored: Stored,
    publish_logs: bool = True,
) -> pipeline_spec_pb2.ExecutorInput:
    """Builds the message that replaces `{{$}}` in a command.

    Args:
        task: a task of the root DAG.
        component: the component of the task.
        run_root: the run's folder in the object store, a URI.
        salt: makes the URIs of this execution unique.
        output_file: the file that the command writes its answer to.
        arguments: the run's parameters.
        stored: the outputs of earlier tasks.
        publish_logs: whether the backend stores logs as artifacts, its default since kubeflow/pipelines#11762.

    Raises:
        BackendError: a parameter without a value, or an input that no task has written.
    """
    message = pipeline_spec_pb2.ExecutorInput()
    for name, source in task.inputs.parameters.items():
        message.inputs.parameter_values[name].CopyFrom(_parameter(name, source, arguments))
    for name, source in task.inputs.artifacts.items():
        output = source.task_output_artifact
        artifact = stored.get((output.producer_task, output.output_artifact_key))
        if artifact is None:
            raise BackendError(
                f"cannot find output artifact key {output.output_artifact_key!r} in producer task "
                f"{output.producer_task!r}"
            )
        runtime = message.inputs.artifacts[name].artifacts.add(
            name=str(artifact.artifact_id), uri=artifact.uri, metadata=artifact.metadata
        )
        runtime.type.instance_schema = ""
    task_root = f"{run_root}/{task.task_info.name}/{salt}"
    for name, declared in component.output_definitions.artifacts.items():
        message.outputs.artifacts[name].artifacts.add(
            uri=f"{task_root}/{name}", type=declared.artifact_type, metadata=declared.metadata
        )
    if publish_logs:
        logs = message.outputs.artifacts[LOGS_OUTPUT].artifacts.add(uri=f"{task_root}/{LOGS_OUTPUT}")
        logs.type.schema_title = "system.Artifact"
    message.outputs.output_file = output_file
    return message


def _parameter(
    name: str, source: pipeline_spec_pb2.TaskInputsSpec.InputParameterSpec, arguments: Mapping[str, Any]
) -> struct_pb2.Value:
    kind = source.WhichOneof("kind")
    if kind == "runtime_value":
        return source.runtime_value.constant
    if kind != "component_input_parameter":
        raise BackendError(f"parameter {name!r}: the emulation does not support sources of kind {kind}")
    value = arguments.get(source.component_input_parameter)
    if value is None:
        raise BackendError(f"parameter {source.component_input_parameter!r} has no value; set it for the run")
    return json_format.ParseDict(value, struct_pb2.Value())


def run_arguments(spec: pipeline_spec_pb2.PipelineSpec, given: Mapping[str, str]) -> dict[str, Any]:
    """Returns the run's parameters: the given texts, and the specification's default values for the others.

    Raises:
        BackendError: an unknown parameter, an invalid number, or a parameter without a value.
    """
    declared = spec.root.input_definitions.parameters
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise BackendError(f"parameter {unknown[0]!r} is unknown; the parameters are {', '.join(sorted(declared))}")
    arguments: dict[str, Any] = {}
    for name, parameter in declared.items():
        if name in given:
            number = parameter.parameter_type == pipeline_spec_pb2.ParameterType.NUMBER_INTEGER
            try:
                arguments[name] = int(given[name]) if number else given[name]
            except ValueError as error:
                raise BackendError(f"parameter {name!r} must be a whole number, not {given[name]!r}") from error
        elif parameter.HasField("default_value"):
            arguments[name] = json_format.MessageToDict(parameter.default_value)
        else:
            raise BackendError(f"parameter {name!r} has no default; give it with --set {name}=…")
    return arguments


def store_metadata(metadata: struct_pb2.Struct) -> struct_pb2.Struct:
    """Returns metadata as the backend's store returns them after they were stored.

    Raises:
        BackendError: the metadata contain a null.
    """
    result = struct_pb2.Struct()
    for key, value in metadata.fields.items():
        kind = value.WhichOneof("kind")
        if kind in ("string_value", "number_value"):
            result.fields[key].CopyFrom(value)
        elif kind == "bool_value":
            result.fields[key].number_value = float(value.bool_value)
        elif kind in ("list_value", "struct_value"):
            result.fields[key].struct_value.fields[kind.removesuffix("_value")].CopyFrom(value)
        else:
            raise BackendError(f"metadata {key!r}: unknown/unsupported value type *structpb.Value_NullValue")
    return result


def local_path(uri: str) -> str:
    """Returns the launcher's local path for a URI of an object store; any other text is returned unchanged."""
    for scheme, folder in MOUNTS.items():
        if uri.startswith(scheme):
            return f"{_local_root()}/{folder}/{uri.removeprefix(scheme)}"
    return uri


def remote_uri(path: str) -> str:
    """Returns the URI for a path that `local_path` returned; any other text is returned unchanged."""
    for scheme, folder in MOUNTS.items():
        mount = f"{_local_root()}/{folder}/"
        if path.startswith(mount):
            return scheme + path.removeprefix(mount)
    return path


def _local_root() -> str:
    return os.environ.get(LOCAL_ROOT_VARIABLE, "").rstrip("/")
