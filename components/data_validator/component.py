"""The specification of DataValidator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.data_validator import executor

if TYPE_CHECKING:
    from components.data_validator.validation_config import ValidationConfig


class DataValidatorSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of DataValidator."""

    PARAMETERS = {
        executor.VALIDATION_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        executor.CODE_FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        executor.STATISTICS_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        executor.ANOMALIES_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        executor.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    # TFX's own type for anomalies: Kubeflow Pipelines would require a custom type to be registered.
    OUTPUTS = {executor.VALIDATION_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies)}


class DataValidator(base_component.BaseComponent):
    """Reports ExampleValidator's anomalies and problems that it cannot detect, and stops the run if configured so."""

    SPEC_CLASS = DataValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        statistics: types.BaseChannel,
        anomalies: types.BaseChannel,
        examples: types.BaseChannel,
        config: ValidationConfig,
        *,
        code_fingerprint: str = "",
    ):
        """Creates the component.

        Args:
            statistics: ExampleStatistics from a StatisticsGen that uses the curated schema.
            anomalies: ExampleAnomalies from an ExampleValidator that uses the same schema.
            examples: Examples of the record contract, with the splits train, val and, if the devkit has one, test.
            config: which problems to report, and whether to stop the run.
            code_fingerprint: a hash of this component's code, because TFX's cache key does not include it.
        """
        super().__init__(
            spec=DataValidatorSpec(
                **{
                    executor.STATISTICS_KEY: statistics,
                    executor.ANOMALIES_KEY: anomalies,
                    executor.EXAMPLES_KEY: examples,
                    executor.VALIDATION_CONFIG_KEY: config.model_dump_json(),
                    executor.CODE_FINGERPRINT_KEY: code_fingerprint,
                    executor.VALIDATION_KEY: types.Channel(type=standard_artifacts.ExampleAnomalies),
                }
            )
        )
