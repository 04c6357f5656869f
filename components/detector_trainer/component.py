"""The specification of DetectorTrainer."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.detector_trainer import executor
from components.detector_trainer.detector_config import DetectorConfig


class DetectorTrainerSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of DetectorTrainer."""

    PARAMETERS = {
        executor.CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        executor.STATE_FOLDER_KEY: component_spec.ExecutionParameter(type=str),
        executor.CODE_FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {executor.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {
        executor.DETECTOR_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        executor.DETECTOR_RUN_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
    }


class DetectorTrainer(base_component.BaseComponent):
    """Trains an SSD300, whose VGG-16 a `SegmentationTrainer` may begin with."""

    SPEC_CLASS = DetectorTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        config: DetectorConfig,
        *,
        state_folder: str = "",
        code_fingerprint: str = "",
    ):
        """Makes the component.

        Args:
            examples: Examples of the record contract with boxes, with splits train and val.
            config: the detector and how to train it.
            state_folder: where the state after each epoch is kept, so that a killed training goes on from there.
            code_fingerprint: a hash of the training's code; TFX's cache does not look into code.
        """
        super().__init__(
            spec=DetectorTrainerSpec(
                **{
                    executor.EXAMPLES_KEY: examples,
                    executor.CONFIG_KEY: config.model_dump_json(),
                    executor.STATE_FOLDER_KEY: state_folder,
                    executor.CODE_FINGERPRINT_KEY: code_fingerprint,
                    executor.DETECTOR_KEY: types.Channel(type=standard_artifacts.Model),
                    executor.DETECTOR_RUN_KEY: types.Channel(type=standard_artifacts.ModelRun),
                }
            )
        )
