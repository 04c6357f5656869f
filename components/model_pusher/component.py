"""The specification of Pusher."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.model_pusher import executor

if TYPE_CHECKING:
    from tfx.orchestration.data_types import RuntimeParameter


class PusherSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of Pusher; the channels have the names of TFX's own Pusher."""

    PARAMETERS = {
        executor.SERVING_FOLDER_KEY: component_spec.ExecutionParameter(type=str),
        executor.KEEP_VERSIONS_KEY: component_spec.ExecutionParameter(type=int, optional=True),
    }
    INPUTS = {
        standard_component_specs.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        standard_component_specs.MODEL_BLESSING_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ModelBlessing
        ),
    }
    OUTPUTS = {
        standard_component_specs.PUSHED_MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.PushedModel)
    }


class Pusher(base_component.BaseComponent):
    """Publishes the blessed model as a new version; a server never sees an incomplete version.

    TFX's own Pusher takes its folder inside a protocol buffer, which cannot contain a runtime parameter.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        serving_folder: str | RuntimeParameter,
        *,
        keep_versions: int | None = None,
    ):
        """Creates the component.

        Args:
            model: Model to publish.
            model_blessing: ModelBlessing; the model is published only if it is blessed.
            serving_folder: the folder of versions that TensorFlow Serving polls.
            keep_versions: the number of newest versions to keep; `None` keeps all.
        """
        super().__init__(
            spec=PusherSpec(
                **{
                    standard_component_specs.MODEL_KEY: model,
                    standard_component_specs.MODEL_BLESSING_KEY: model_blessing,
                    executor.SERVING_FOLDER_KEY: serving_folder,
                    executor.KEEP_VERSIONS_KEY: keep_versions,
                    standard_component_specs.PUSHED_MODEL_KEY: types.Channel(type=standard_artifacts.PushedModel),
                }
            )
        )
