"""The specification of SegmentationTrainer."""

from __future__ import annotations

import json
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import component_spec, standard_artifacts

from components.segmentation_trainer import executor
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
    """Trains one candidate network; a pipeline has one of these a candidate, told apart by `with_id`."""

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
        """Makes the component.

        Args:
            examples: Examples of the record contract, with splits train and val.
            candidate: the candidate's name.
            network: a name that `create_network` knows, or one's own `module:function`.
            options: the network's options.
            training: how to train.
            epochs: goes over `training.epochs` where it is above 0; a runtime parameter on a cluster.
            backbone: a Model that a DetectorTrainer made; the network's backbone begins with its layers of the same
                names.
            state_folder: where the state after each epoch is kept, so that a killed training goes on from there; it
                outlives executions. Without one a killed training begins anew.
            code_fingerprint: a hash of the network's and the training's code; TFX's cache does not look into code.
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
