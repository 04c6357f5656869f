"""The specification of CuratedSchema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf import text_format
from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.curated_schema import executor

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2


class CuratedSchemaSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of CuratedSchema."""

    PARAMETERS = {
        executor.SCHEMA_TEXT_KEY: component_spec.ExecutionParameter(type=str),
        executor.CODE_FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}
    OUTPUTS = {executor.SCHEMA_KEY: component_spec.ChannelParameter(type=standard_artifacts.Schema)}


class CuratedSchema(base_component.BaseComponent):
    """Provides a schema to the pipeline.

    TFX's ImportSchemaGen copies a file. That file must exist on the machine that runs the node, and TFX's cache key
    does not include its content. This component takes the schema itself as an execution parameter.
    """

    SPEC_CLASS = CuratedSchemaSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, schema: schema_pb2.Schema, *, code_fingerprint: str = ""):
        """Creates the component.

        Args:
            schema: the schema that all records must follow.
            code_fingerprint: a hash of this component's code, because TFX's cache key does not include it.
        """
        super().__init__(
            spec=CuratedSchemaSpec(
                **{
                    executor.SCHEMA_TEXT_KEY: text_format.MessageToString(schema),
                    executor.CODE_FINGERPRINT_KEY: code_fingerprint,
                    executor.SCHEMA_KEY: types.Channel(type=standard_artifacts.Schema),
                }
            )
        )
