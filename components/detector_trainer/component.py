"""The specification of DetectorTrainer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.detector_trainer import executor

if TYPE_CHECKING:
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
    """Trains an SSD300; its VGG-16 weights can initialise the network of a `SegmentationTrainer`."""

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
        """Creates the component.

        Args:
            examples: Examples of the record contract with boxes, with the splits train and val.
            config: settings of the detector and its training.
            state_folder: the folder for the training's state after each epoch, from which a killed training resumes;
                if empty, the training starts from the beginning.
            code_fingerprint: a hash of the training's code, because TFX's cache key does not include it.
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
