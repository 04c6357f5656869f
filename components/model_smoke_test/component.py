"""The specification of ModelSmokeTest."""

from __future__ import annotations

from collections.abc import Mapping

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.artifacts.candidates import candidate_channels, with_candidate_inputs
from components.model_smoke_test import executor
from components.model_smoke_test.smoke_test_config import SmokeTestConfig


class ModelSmokeTestSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of ModelSmokeTest, without the inputs of the candidates."""

    PARAMETERS = {
        executor.SMOKE_TEST_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        executor.CODE_FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {executor.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples)}
    # TFX's InfraBlessing is of one model; a type of ours would need registering on Kubeflow Pipelines.
    OUTPUTS = {executor.SMOKE_TEST_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation)}


class ModelSmokeTest(base_component.BaseComponent):
    """Loads each candidate's SavedModel in a fresh process and sends it what a server would be sent.

    It does what TFX's InfraValidator is for, without Docker.
    """

    SPEC_CLASS = ModelSmokeTestSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        models: Mapping[str, types.BaseChannel],
        config: SmokeTestConfig,
        *,
        code_fingerprint: str = "",
    ):
        """Makes the component.

        Args:
            examples: Examples of the record contract, with the split val.
            models: candidate → its Model.
            config: how the test is done.
            code_fingerprint: a hash of the test's code; TFX's cache does not look into code.
        """
        spec_class = with_candidate_inputs(ModelSmokeTestSpec, models)
        super().__init__(
            spec=spec_class(
                **{
                    executor.EXAMPLES_KEY: examples,
                    **candidate_channels(models),
                    executor.SMOKE_TEST_CONFIG_KEY: config.model_dump_json(),
                    executor.CODE_FINGERPRINT_KEY: code_fingerprint,
                    executor.SMOKE_TEST_KEY: types.Channel(type=standard_artifacts.ModelEvaluation),
                }
            )
        )
