"""The specification of PublishedModel."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import component_spec, standard_artifacts

from components.published_model import executor


class PublishedModelSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of PublishedModel."""

    PARAMETERS = {
        executor.SERVING_FOLDER_KEY: component_spec.ExecutionParameter(type=str),
        executor.SERVING_STATE_KEY: component_spec.ExecutionParameter(type=str),
        executor.CODE_FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}
    OUTPUTS = {executor.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model)}


class PublishedModel(base_component.BaseComponent):
    """Reads the model in service: a plain component, since Kubeflow Pipelines has no Resolver."""

    SPEC_CLASS = PublishedModelSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, serving_folder: str | RuntimeParameter, *, serving_state: str = "", code_fingerprint: str = ""):
        """Makes the component.

        Args:
            serving_folder: the folder that the Pusher publishes to.
            serving_state: a hash of what is in service; TFX's cache does not look into folders.
            code_fingerprint: a hash of this component's code; TFX's cache does not look into code.
        """
        super().__init__(
            spec=PublishedModelSpec(
                **{
                    executor.SERVING_FOLDER_KEY: serving_folder,
                    executor.SERVING_STATE_KEY: serving_state,
                    executor.CODE_FINGERPRINT_KEY: code_fingerprint,
                    executor.MODEL_KEY: types.Channel(type=standard_artifacts.Model),
                }
            )
        )
