"""The specification of ModelSelector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.artifacts.candidates import candidate_channels, with_candidate_inputs
from components.model_selector import executor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.model_selector.selection_config import SelectionConfig


class ModelSelectorSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of ModelSelector, except the candidates' inputs."""

    PARAMETERS = {
        executor.SELECTION_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        executor.CODE_FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        executor.EVALUATION_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        executor.SMOKE_TEST_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
    }
    OUTPUTS = {
        executor.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        executor.BLESSING_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class ModelSelector(base_component.BaseComponent):
    """Selects the best candidate that may be published, and blesses it if it beats the model in service."""

    SPEC_CLASS = ModelSelectorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        evaluation: types.BaseChannel,
        smoke_test: types.BaseChannel,
        models: Mapping[str, types.BaseChannel],
        config: SelectionConfig,
        *,
        code_fingerprint: str = "",
    ):
        """Creates the component.

        Args:
            evaluation: ModelEvaluation of SegmentationEvaluator.
            smoke_test: ModelEvaluation of ModelSmokeTest.
            models: candidate → its Model.
            config: the conditions for publishing a candidate.
            code_fingerprint: a hash of the selection's code, because TFX's cache key does not include it.
        """
        spec_class = with_candidate_inputs(ModelSelectorSpec, models)
        super().__init__(
            spec=spec_class(
                **{
                    executor.EVALUATION_KEY: evaluation,
                    executor.SMOKE_TEST_KEY: smoke_test,
                    **candidate_channels(models),
                    executor.SELECTION_CONFIG_KEY: config.model_dump_json(),
                    executor.CODE_FINGERPRINT_KEY: code_fingerprint,
                    executor.MODEL_KEY: types.Channel(type=standard_artifacts.Model),
                    executor.BLESSING_KEY: types.Channel(type=standard_artifacts.ModelBlessing),
                }
            )
        )
