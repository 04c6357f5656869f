"""The specification of SegmentationEvaluator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.artifacts.candidates import BASELINE_KEY, candidate_channels, with_candidate_inputs
from components.segmentation_evaluator import executor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfx.orchestration.data_types import RuntimeParameter

    from tfds_voc_seg.record_config import RecordConfig


class SegmentationEvaluatorSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of SegmentationEvaluator, except the candidates' inputs."""

    PARAMETERS = {
        executor.DEVKIT_KEY: component_spec.ExecutionParameter(type=str),
        executor.RECORD_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        executor.CODE_FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        executor.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        executor.SMOKE_TEST_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        BASELINE_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS = {executor.EVALUATION_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation)}


class SegmentationEvaluator(base_beam_component.BaseBeamComponent):
    """Evaluates all candidates and the model in service on the same pixels of the test split, without one of val."""

    SPEC_CLASS = SegmentationEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        models: Mapping[str, types.BaseChannel],
        smoke_test: types.BaseChannel,
        baseline: types.BaseChannel,
        *,
        devkit: str | RuntimeParameter = "",
        record_config: RecordConfig | None = None,
        code_fingerprint: str = "",
    ):
        """Creates the component.

        Args:
            examples: Examples of the record contract, with the split val and, if the devkit has one, test.
            models: candidate → its Model.
            smoke_test: ModelEvaluation of ModelSmokeTest; candidates that failed the test are not evaluated.
            baseline: the Model in service, from PublishedModel.
            devkit: the devkit that contains the masks at their original size; without it, the metrics are computed only
                at the network's size.
            record_config: the configuration that the records were converted with; required with `devkit`.
            code_fingerprint: a hash of the evaluation's code, because TFX's cache key does not include it.

        Raises:
            ValueError: `devkit` is given without `record_config`.
        """
        if devkit and record_config is None:
            raise ValueError("devkit requires record_config: pass the RecordConfig that VocExampleGen was given")
        spec_class = with_candidate_inputs(SegmentationEvaluatorSpec, models)
        super().__init__(
            spec=spec_class(
                **{
                    executor.EXAMPLES_KEY: examples,
                    **candidate_channels(models),
                    executor.SMOKE_TEST_KEY: smoke_test,
                    BASELINE_KEY: baseline,
                    executor.DEVKIT_KEY: devkit,
                    executor.RECORD_CONFIG_KEY: json.dumps(record_config and record_config.as_json()),
                    executor.CODE_FINGERPRINT_KEY: code_fingerprint,
                    executor.EVALUATION_KEY: types.Channel(type=standard_artifacts.ModelEvaluation),
                }
            )
        )
