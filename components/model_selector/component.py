"""The specification of ModelSelector."""

from __future__ import annotations

from collections.abc import Mapping

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.candidates import candidate_channels, with_candidate_inputs
from components.model_selector import executor


class ModelSelectorSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of ModelSelector, without the inputs of the candidates."""

    PARAMETERS = {
        executor.METRIC_KEY: component_spec.ExecutionParameter(type=str),
        executor.MIN_IMPROVEMENT_KEY: component_spec.ExecutionParameter(type=float),
        executor.REPLACE_INCOMPARABLE_KEY: component_spec.ExecutionParameter(type=int),
        executor.CODE_FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {executor.EVALUATION_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation)}
    OUTPUTS = {
        executor.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        executor.BLESSING_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class ModelSelector(base_component.BaseComponent):
    """Selects the best candidate and blesses it for the Pusher if it beats the model in service."""

    SPEC_CLASS = ModelSelectorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        evaluation: types.BaseChannel,
        models: Mapping[str, types.BaseChannel],
        *,
        metric: str = "mean_iou",
        min_improvement: float = 0.0,
        replace_incomparable: bool = False,
        code_fingerprint: str = "",
    ):
        """Makes the component.

        Args:
            evaluation: ModelEvaluation of SegmentationEvaluator.
            models: candidate → its Model.
            metric: the figure to compare, `mean_iou` or `pixel_accuracy`.
            min_improvement: by how much the best candidate must exceed the model in service.
            replace_incomparable: publish over a model in service that can't be compared with.
            code_fingerprint: a hash of the selection's code; TFX's cache does not look into code.
        """
        spec_class = with_candidate_inputs(ModelSelectorSpec, models)
        super().__init__(
            spec=spec_class(
                **{
                    executor.EVALUATION_KEY: evaluation,
                    **candidate_channels(models),
                    executor.METRIC_KEY: metric,
                    executor.MIN_IMPROVEMENT_KEY: min_improvement,
                    executor.REPLACE_INCOMPARABLE_KEY: int(replace_incomparable),
                    executor.CODE_FINGERPRINT_KEY: code_fingerprint,
                    executor.MODEL_KEY: types.Channel(type=standard_artifacts.Model),
                    executor.BLESSING_KEY: types.Channel(type=standard_artifacts.ModelBlessing),
                }
            )
        )
