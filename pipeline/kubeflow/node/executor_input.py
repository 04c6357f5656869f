"""What KFP's driver tells a container, and what becomes of its answer in the backend's metadata store.

After kubeflow/pipelines 2.x: `backend/src/v2/driver` (`provisionOutputs`, `resolveInputs`), `backend/src/v2/component`
(`launcher_v2.go`) and `backend/src/v2/metadata` (`StructValueToMLMDValue`, `toRuntimeArtifact`). Where the backend is
peculiar, so is this: an output `executor-logs` that no component declares, input artifacts whose `instanceSchema` is
empty, booleans that come back as numbers, lists and structs inside one more struct, nulls refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

LOGS_OUTPUT = "executor-logs"


class BackendError(RuntimeError):
    """What the backend itself would refuse."""


@dataclasses.dataclass(frozen=True)
class StoredArtifact:
    """An artifact as the backend's metadata store has it."""

    artifact_id: int
    uri: str
    metadata: struct_pb2.Struct


Stored = Mapping[tuple[str, str], StoredArtifact]
"""(task, output key) → the artifact."""


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
    """Builds the message that `{{$}}` stands for.

    Args:
        task: of the root DAG.
        component: the task's.
        run_root: the run's folder in the object store, a URI.
        salt: what makes the URIs of this execution its own.
        output_file: where the command writes its answer.
        arguments: the run's parameters.
        stored: the outputs of the tasks before.
        publish_logs: whether the backend keeps logs as artifacts, its default since kubeflow/pipelines#11762.

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
        raise BackendError(f"parameter {name!r}: sources of the kind {kind} are not emulated")
    value = arguments.get(source.component_input_parameter)
    if value is None:
        raise BackendError(f"parameter {source.component_input_parameter!r} has no value; a run has to name it")
    return json_format.ParseDict(value, struct_pb2.Value())


def run_arguments(spec: pipeline_spec_pb2.PipelineSpec, given: Mapping[str, str]) -> dict[str, Any]:
    """The run's parameters: those given as text, with the specification's defaults below them.

    Raises:
        BackendError: an unknown parameter, a number that is none, or a parameter without a value.
    """
    declared = spec.root.input_definitions.parameters
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise BackendError(f"parameter {unknown[0]!r} is unknown; the run has {', '.join(sorted(declared))}")
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
    """Sends metadata through the backend's store and back.

    Raises:
        BackendError: a null.
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
