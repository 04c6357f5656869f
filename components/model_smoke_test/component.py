"""The specification of ModelSmokeTest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.artifacts.candidates import candidate_channels, with_candidate_inputs
from components.model_smoke_test import executor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.model_smoke_test.smoke_test_config import SmokeTestConfig


class ModelSmokeTestSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of ModelSmokeTest, except the candidates' inputs."""

    PARAMETERS = {
        executor.SMOKE_TEST_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        executor.CODE_FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {executor.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples)}
    # TFX's InfraBlessing describes only one model; Kubeflow Pipelines would require a custom type to be registered.
    OUTPUTS = {executor.SMOKE_TEST_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation)}


class ModelSmokeTest(base_component.BaseComponent):
    """Loads each candidate's SavedModel in a new process and sends it the requests that a server receives.

    It has the purpose of TFX's InfraValidator but does not need Docker.
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
        """Creates the component.

        Args:
            examples: Examples of the record contract, with the split val.
            models: candidate → its Model.
            config: settings of the test.
            code_fingerprint: a hash of the test's code, because TFX's cache key does not include it.
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
