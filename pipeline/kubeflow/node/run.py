"""Runs a node through TFX's own command, and works around what fails on the open-source Kubeflow Pipelines.

TFX 1.21's `kubeflow_v2_run_executor` was written for Vertex AI. Each function below works around one difference. A
workaround can be removed once its issue is fixed in the versions in use:

- `drop_logs_output`: the backend adds an output `executor-logs` to every node (kubeflow/pipelines#11762), with a type
  that TFX cannot import.
- `restore_types`: input artifacts arrive without their type (tensorflow/tfx#7768).
- `use_local_paths` and `prepare_answer`: artifacts are named by URIs of storage for which TensorFlow has no file system
  (tensorflow/tfx#4537, tensorflow/tfx#4373), although the launcher has copied them to the container's disk.
- `unwrap_metadata` and `prepare_answer`: lists and structs in an artifact's metadata arrive inside one more struct, and
  nulls are refused: `StructValueToMLMDValue` of kubeflow/pipelines, `backend/src/v2/metadata`; a comment there says
  that nulls should be supported.
- `run_example_gen_driver`: the backend ignores the hook that runs the driver of TFX's file-based ExampleGens
  (tensorflow/tfx#6722).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import tfx  # noqa: F401  (first: it installs a stand-in that other libraries need)
from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.dsl.io import fileio
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
from tfx.orchestration.kubeflow.v2.file_based_example_gen import driver as file_based_driver
from tfx.utils import import_utils

from pipeline.kubeflow.node.backend import LOGS_OUTPUT, local_path, remote_uri

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_WRAPPERS = ({"struct"}, {"list"})


def run_node(options: argparse.Namespace, beam_args: Sequence[str]) -> None:
    """Runs one node.

    Args:
        options: `executor_class_path`, `json_serialized_invocation_args` and `json_serialized_inputs_spec_args`, as
            TFX's compiler writes them.
        beam_args: Beam pipeline options.
    """
    executor_input = json_format.Parse(
        options.json_serialized_invocation_args, pipeline_spec_pb2.ExecutorInput(), ignore_unknown_fields=True
    )
    inputs_spec = json_format.Parse(
        options.json_serialized_inputs_spec_args, pipeline_spec_pb2.ComponentInputsSpec(), ignore_unknown_fields=True
    )
    drop_logs_output(executor_input)
    restore_types(executor_input, inputs_spec)
    unwrap_metadata(executor_input)
    use_local_paths(executor_input)
    options.json_serialized_invocation_args = json_format.MessageToJson(executor_input)
    run_example_gen_driver(options, executor_input)
    kubeflow_v2_run_executor.main((options, list(beam_args)))
    output_file = executor_input.outputs.output_file
    with fileio.open(output_file, "rb") as file:
        executor_output = json_format.Parse(file.read(), pipeline_spec_pb2.ExecutorOutput())
    prepare_answer(executor_output)
    with fileio.open(output_file, "wb") as file:
        file.write(json_format.MessageToJson(executor_output).encode())


def drop_logs_output(executor_input: pipeline_spec_pb2.ExecutorInput) -> None:
    """Removes the output that the backend adds."""
    if LOGS_OUTPUT in executor_input.outputs.artifacts:
        del executor_input.outputs.artifacts[LOGS_OUTPUT]


def restore_types(
    executor_input: pipeline_spec_pb2.ExecutorInput, inputs_spec: pipeline_spec_pb2.ComponentInputsSpec
) -> None:
    """Sets the type of each input artifact to the type that the component declares."""
    for key, artifacts in executor_input.inputs.artifacts.items():
        for artifact in artifacts.artifacts:
            artifact.type.CopyFrom(inputs_spec.artifacts[key].artifact_type)


def unwrap_metadata(executor_input: pipeline_spec_pb2.ExecutorInput) -> None:
    """Removes the extra struct around lists and structs, which the backend's metadata store adds."""
    for artifacts in executor_input.inputs.artifacts.values():
        for artifact in artifacts.artifacts:
            for key, value in list(artifact.metadata.fields.items()):
                if value.WhichOneof("kind") == "struct_value" and set(value.struct_value.fields) in _WRAPPERS:
                    (wrapped,) = value.struct_value.fields.values()
                    unwrapped = struct_pb2.Value()
                    unwrapped.CopyFrom(wrapped)
                    artifact.metadata.fields[key].CopyFrom(unwrapped)


def use_local_paths(executor_input: pipeline_spec_pb2.ExecutorInput) -> None:
    """Replaces the artifacts' URIs by the paths of the launcher's copies on the container's disk."""
    for group in (executor_input.inputs, executor_input.outputs):
        for artifacts in group.artifacts.values():
            for artifact in artifacts.artifacts:
                artifact.uri = local_path(artifact.uri)


def run_example_gen_driver(options: argparse.Namespace, executor_input: pipeline_spec_pb2.ExecutorInput) -> None:
    """Runs the driver of a file-based ExampleGen, which resolves the parameters for the executor."""
    if "input_base" not in executor_input.inputs.parameter_values:
        return
    if issubclass(import_utils.import_class_by_path(options.executor_class_path), BaseExampleGenExecutor):
        file_based_driver.main(options)


def prepare_answer(executor_output: pipeline_spec_pb2.ExecutorOutput) -> None:
    """Replaces local paths by the artifacts' URIs, also in their metadata, and removes nulls from the metadata."""
    for artifacts in executor_output.artifacts.values():
        for artifact in artifacts.artifacts:
            artifact.uri = remote_uri(artifact.uri)
            for key, value in list(artifact.metadata.fields.items()):
                if value.WhichOneof("kind") in (None, "null_value"):
                    del artifact.metadata.fields[key]
                elif value.WhichOneof("kind") == "string_value":
                    value.string_value = remote_uri(value.string_value)
