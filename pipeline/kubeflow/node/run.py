"""TFX's own command for a node, with what breaks on the open-source Kubeflow Pipelines mended.

TFX 1.21's `kubeflow_v2_run_executor` was written for Vertex AI. Each function below answers one difference; a mend can
go once its thread is settled in the versions in use:

- `drop_logs`: the backend adds an output `executor-logs` to every node (kubeflow/pipelines#11762), of a type that TFX
  can't import.
- `restore_types`: input artifacts come without their type (tensorflow/tfx#7768).
- `use_mounts` and `as_launcher_expects`: artifacts are named by URIs of storage that TensorFlow has no file system for
  (tensorflow/tfx#4537, tensorflow/tfx#4373), while the launcher keeps copies on the container's disk.
- `unwrap_metadata` and `as_launcher_expects`: lists and structs in an artifact's metadata come back inside one more
  struct, and nulls are refused: `StructValueToMLMDValue` of kubeflow/pipelines, `backend/src/v2/metadata`, whose own
  comment says that nulls are to be supported.
- `run_example_gen_driver`: the backend ignores the hook that runs the driver of TFX's file-based ExampleGens
  (tensorflow/tfx#6722).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import tfx.v1  # noqa: F401  (first: it installs a stand-in that other libraries need)
from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.dsl.io import fileio
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
from tfx.orchestration.kubeflow.v2.file_based_example_gen import driver as file_based_driver
from tfx.utils import import_utils

from pipeline.kubeflow.node.storage_mounts import local_path, remote_uri

LOGS_OUTPUT = "executor-logs"
_WRAPPERS = ({"struct"}, {"list"})


def run_node(options: argparse.Namespace, beam_args: Sequence[str]) -> None:
    """Runs one node.

    Args:
        options: `executor_class_path`, `json_serialized_invocation_args` and `json_serialized_inputs_spec_args`, as
            TFX's compiler writes them.
        beam_args: Beam's pipeline options.
    """
    executor_input = json_format.Parse(
        options.json_serialized_invocation_args, pipeline_spec_pb2.ExecutorInput(), ignore_unknown_fields=True
    )
    inputs_spec = json_format.Parse(
        options.json_serialized_inputs_spec_args, pipeline_spec_pb2.ComponentInputsSpec(), ignore_unknown_fields=True
    )
    drop_logs(executor_input)
    restore_types(executor_input, inputs_spec)
    unwrap_metadata(executor_input)
    use_mounts(executor_input)
    options.json_serialized_invocation_args = json_format.MessageToJson(executor_input)
    run_example_gen_driver(options, executor_input)
    kubeflow_v2_run_executor.main((options, list(beam_args)))
    output_file = executor_input.outputs.output_file
    with fileio.open(output_file, "rb") as file:
        executor_output = json_format.Parse(file.read(), pipeline_spec_pb2.ExecutorOutput())
    as_launcher_expects(executor_output)
    with fileio.open(output_file, "wb") as file:
        file.write(json_format.MessageToJson(executor_output).encode())


def drop_logs(executor_input: pipeline_spec_pb2.ExecutorInput) -> None:
    """Takes the backend's own output out."""
    if LOGS_OUTPUT in executor_input.outputs.artifacts:
        del executor_input.outputs.artifacts[LOGS_OUTPUT]


def restore_types(
    executor_input: pipeline_spec_pb2.ExecutorInput, inputs_spec: pipeline_spec_pb2.ComponentInputsSpec
) -> None:
    """Gives each input artifact the type that the component declares."""
    for key, artifacts in executor_input.inputs.artifacts.items():
        for artifact in artifacts.artifacts:
            artifact.type.CopyFrom(inputs_spec.artifacts[key].artifact_type)


def unwrap_metadata(executor_input: pipeline_spec_pb2.ExecutorInput) -> None:
    """Takes the structs off that the backend's metadata store puts around lists and structs."""
    for artifacts in executor_input.inputs.artifacts.values():
        for artifact in artifacts.artifacts:
            for key, value in list(artifact.metadata.fields.items()):
                if value.WhichOneof("kind") == "struct_value" and set(value.struct_value.fields) in _WRAPPERS:
                    (wrapped,) = value.struct_value.fields.values()
                    unwrapped = struct_pb2.Value()
                    unwrapped.CopyFrom(wrapped)
                    artifact.metadata.fields[key].CopyFrom(unwrapped)


def use_mounts(executor_input: pipeline_spec_pb2.ExecutorInput) -> None:
    """Names the artifacts by the launcher's copies on the container's disk."""
    for group in (executor_input.inputs, executor_input.outputs):
        for artifacts in group.artifacts.values():
            for artifact in artifacts.artifacts:
                artifact.uri = local_path(artifact.uri)


def run_example_gen_driver(options: argparse.Namespace, executor_input: pipeline_spec_pb2.ExecutorInput) -> None:
    """Runs the driver of a file-based ExampleGen, which leaves the resolved parameters for the executor."""
    if "input_base" not in executor_input.inputs.parameter_values:
        return
    if issubclass(import_utils.import_class_by_path(options.executor_class_path), BaseExampleGenExecutor):
        file_based_driver.main(options)


def as_launcher_expects(executor_output: pipeline_spec_pb2.ExecutorOutput) -> None:
    """Names the artifacts by their URIs again, also in their metadata, and leaves nulls out."""
    for artifacts in executor_output.artifacts.values():
        for artifact in artifacts.artifacts:
            artifact.uri = remote_uri(artifact.uri)
            for key, value in list(artifact.metadata.fields.items()):
                if value.WhichOneof("kind") in (None, "null_value"):
                    del artifact.metadata.fields[key]
                elif value.WhichOneof("kind") == "string_value":
                    value.string_value = remote_uri(value.string_value)
