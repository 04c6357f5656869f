"""The specification of SegmentationTrainer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.segmentation_trainer import executor

if TYPE_CHECKING:
    from tfx.orchestration.data_types import RuntimeParameter

    from components.training.config import TrainingConfig


class SegmentationTrainerSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of SegmentationTrainer."""

    PARAMETERS = {
        executor.CANDIDATE_KEY: component_spec.ExecutionParameter(type=str),
        executor.NETWORK_KEY: component_spec.ExecutionParameter(type=str),
        executor.TRAINING_KEY: component_spec.ExecutionParameter(type=str),
        executor.EPOCHS_KEY: component_spec.ExecutionParameter(type=int, optional=True),
        executor.STATE_FOLDER_KEY: component_spec.ExecutionParameter(type=str),
        executor.CODE_FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        executor.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        executor.BACKBONE_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {
        executor.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        executor.MODEL_RUN_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
    }


class SegmentationTrainer(base_component.BaseComponent):
    """Trains one candidate network; a pipeline has one instance per candidate, with different ids (`with_id`)."""

    SPEC_CLASS = SegmentationTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        candidate: str,
        network: str,
        options: dict[str, Any],
        training: TrainingConfig,
        *,
        epochs: int | RuntimeParameter | None = None,
        backbone: types.BaseChannel | None = None,
        state_folder: str = "",
        code_fingerprint: str = "",
    ):
        """Creates the component.

        Args:
            examples: Examples of the record contract, with the splits train and val.
            candidate: the candidate's name.
            network: the name of a network that `create_network` knows, or your own `module:function`.
            options: the network's options.
            training: settings of the training.
            epochs: overrides `training.epochs` if it is above 0; on a cluster it can be a runtime parameter.
            backbone: a DetectorTrainer's Model; the network's backbone is initialised with its layers of the same
                names.
            state_folder: the folder for the training's state after each epoch, from which a killed training resumes;
                it must persist between executions. If empty, the training starts from the beginning.
            code_fingerprint: a hash of the code of network and training, because TFX's cache key does not include it.
        """
        super().__init__(
            spec=SegmentationTrainerSpec(
                **{
                    executor.EXAMPLES_KEY: examples,
                    **({executor.BACKBONE_KEY: backbone} if backbone else {}),
                    executor.CANDIDATE_KEY: candidate,
                    executor.NETWORK_KEY: json.dumps({"name": network, "options": options}, sort_keys=True),
                    executor.TRAINING_KEY: training.model_dump_json(),
                    executor.EPOCHS_KEY: epochs,
                    executor.STATE_FOLDER_KEY: state_folder,
                    executor.CODE_FINGERPRINT_KEY: code_fingerprint,
                    executor.MODEL_KEY: types.Channel(type=standard_artifacts.Model),
                    executor.MODEL_RUN_KEY: types.Channel(type=standard_artifacts.ModelRun),
                }
            )
        )
