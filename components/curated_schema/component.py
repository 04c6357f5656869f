"""The specification of CuratedSchema."""

from __future__ import annotations

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.curated_schema import executor


class CuratedSchemaSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of CuratedSchema."""

    PARAMETERS = {
        executor.SCHEMA_TEXT_KEY: component_spec.ExecutionParameter(type=str),
        executor.CODE_FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}
    OUTPUTS = {executor.SCHEMA_KEY: component_spec.ChannelParameter(type=standard_artifacts.Schema)}


class CuratedSchema(base_component.BaseComponent):
    """Brings a schema into the pipeline.

    TFX's ImportSchemaGen copies a file, which would have to exist on whatever machine runs the node, and whose content
    TFX's cache does not look into. Here the schema itself is the parameter.
    """

    SPEC_CLASS = CuratedSchemaSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, schema: schema_pb2.Schema, *, code_fingerprint: str = ""):
        """Makes the component.

        Args:
            schema: what the records must look like.
            code_fingerprint: a hash of this component's code; TFX's cache does not look into code.
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
