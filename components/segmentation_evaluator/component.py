"""The specification of SegmentationEvaluator."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import component_spec, standard_artifacts

from components.artifacts.candidates import BASELINE_KEY, candidate_channels, with_candidate_inputs
from components.segmentation_evaluator import executor
from tfds_voc_seg.record_config import RecordConfig


class SegmentationEvaluatorSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of SegmentationEvaluator, without those of the candidates."""

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
    """Measures all candidates and the model in service on the same pixels of the val split."""

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
        """Makes the component.

        Args:
            examples: Examples of the record contract, with the split val.
            models: candidate → its Model.
            smoke_test: ModelEvaluation of ModelSmokeTest; who failed it is not evaluated.
            baseline: the Model in service, from PublishedModel.
            devkit: the folder with the masks at their own size; without it there are figures at the network's size
                alone.
            record_config: what the records were made by; needed with `devkit`.
            code_fingerprint: a hash of the evaluation's code; TFX's cache does not look into code.

        Raises:
            ValueError: a devkit without the record's configuration.
        """
        if devkit and record_config is None:
            raise ValueError("the devkit's masks can't be read without record_config: pass the one of VocExampleGen")
        spec_class = with_candidate_inputs(SegmentationEvaluatorSpec, models)
        super().__init__(
            spec=spec_class(
                **{
                    executor.EXAMPLES_KEY: examples,
                    **candidate_channels(models),
                    executor.SMOKE_TEST_KEY: smoke_test,
                    BASELINE_KEY: baseline,
                    executor.DEVKIT_KEY: devkit,
                    executor.RECORD_CONFIG_KEY: json.dumps(record_config and dataclasses.asdict(record_config)),
                    executor.CODE_FINGERPRINT_KEY: code_fingerprint,
                    executor.EVALUATION_KEY: types.Channel(type=standard_artifacts.ModelEvaluation),
                }
            )
        )
