"""The specification of TargetExporter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.target_exporter import executor

if TYPE_CHECKING:
    from components.target_exporter.targets_config import TargetsConfig


class TargetExporterSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of TargetExporter."""

    PARAMETERS = {
        executor.TARGETS_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        executor.CODE_FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        executor.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        executor.SELECTED_MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        executor.BLESSING_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    OUTPUTS = {executor.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model)}


class TargetExporter(base_component.BaseComponent):
    """Exports the blessed model as targets; those that lose too much are left out."""

    SPEC_CLASS = TargetExporterSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        config: TargetsConfig,
        *,
        code_fingerprint: str = "",
    ):
        """Creates the component.

        Args:
            examples: Examples of the record contract.
            model: Model of ModelSelector.
            model_blessing: ModelBlessing; nothing is exported if the model is not blessed.
            config: the targets, and what they may lose.
            code_fingerprint: a hash of the export's code, because TFX's cache key does not include it.
        """
        super().__init__(
            spec=TargetExporterSpec(
                **{
                    executor.EXAMPLES_KEY: examples,
                    executor.SELECTED_MODEL_KEY: model,
                    executor.BLESSING_KEY: model_blessing,
                    executor.TARGETS_CONFIG_KEY: config.model_dump_json(),
                    executor.CODE_FINGERPRINT_KEY: code_fingerprint,
                    executor.MODEL_KEY: types.Channel(type=standard_artifacts.Model),
                }
            )
        )
