"""The specification of DataValidator."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.data_validator import executor
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
    # TFX's own type for what is wrong with examples: Kubeflow Pipelines knows it, one of ours would need registering.
    OUTPUTS = {executor.VALIDATION_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies)}


class DataValidator(base_component.BaseComponent):
    """Looks at what ExampleValidator can't see and puts all of it into words; ends the run where asked to."""

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
        """Makes the component.

        Args:
            statistics: ExampleStatistics of a StatisticsGen that was given the curated schema.
            anomalies: ExampleAnomalies of an ExampleValidator that was given the same schema.
            examples: Examples of the record contract, with splits train and val.
            config: what is worth a finding, and what a finding does.
            code_fingerprint: a hash of this component's code; TFX's cache does not look into code.
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
