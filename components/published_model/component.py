"""The specification of PublishedModel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.published_model import executor

if TYPE_CHECKING:
    from tfx.orchestration.data_types import RuntimeParameter


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
    """Provides the model in service to the pipeline.

    It is an ordinary component because Kubeflow Pipelines does not support TFX's Resolver.
    """

    SPEC_CLASS = PublishedModelSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, serving_folder: str | RuntimeParameter, *, serving_state: str = "", code_fingerprint: str = ""):
        """Creates the component.

        Args:
            serving_folder: the folder that the Pusher publishes to.
            serving_state: a hash of the model in service, because TFX's cache key does not include folder contents.
            code_fingerprint: a hash of this component's code, because TFX's cache key does not include it.
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
