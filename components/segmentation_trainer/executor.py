"""Trains one candidate network and exports its best epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import keras
from etils import epath
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.progress import Progress, report
from components.record_artifacts import read_records
from components.segmentation_trainer.export import ModelDescription, export_saved_model
from components.segmentation_trainer.networks import create_network
from components.segmentation_trainer.training import train
from components.segmentation_trainer.training_config import TrainingConfig

CANDIDATE_KEY = "candidate"
NETWORK_KEY = "network"
TRAINING_KEY = "training"
CODE_FINGERPRINT_KEY = "code_fingerprint"
EXAMPLES_KEY = "examples"
MODEL_KEY = "model"
MODEL_RUN_KEY = "model_run"

WEIGHTS_FILE = "best.weights.h5"
HISTORY_FILE = "history.json"


class Executor(base_executor.BaseExecutor):
    """Trains one candidate."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains the network on the train split, keeps the epoch that is best on val, exports it.

        Args:
            input_dict:
                examples: Examples of the record contract, with splits train and val.
            output_dict:
                model: Model, a SavedModel where TFX's Pusher looks for it.
                model_run: ModelRun, the best epoch's weights and `history.json`.
            exec_properties:
                candidate: the candidate's name, for the display.
                network: JSON with `name` and `options`.
                training: JSON of `TrainingConfig`.
                code_fingerprint: for TFX's cache; not read.

        Raises:
            ValueError: the network can't be made.
            TrainingError: the training can't go on.
        """
        records = read_records(artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY]))
        model = artifact_utils.get_single_instance(output_dict[MODEL_KEY])
        model_run = epath.Path(artifact_utils.get_single_instance(output_dict[MODEL_RUN_KEY]).uri)
        candidate = exec_properties[CANDIDATE_KEY]
        network_settings = json.loads(exec_properties[NETWORK_KEY])
        config = TrainingConfig.model_validate_json(exec_properties[TRAINING_KEY])

        keras.backend.clear_session()
        keras.utils.set_random_seed(config.seed)
        network = create_network(
            network_settings["name"],
            image_size=records.image_size,
            num_classes=len(records.class_names),
            **network_settings["options"],
        )

        def on_step(epoch: int, step: int, steps: int, figures: Mapping[str, float]) -> None:
            report(Progress(f"training {candidate}, epoch {epoch}/{config.epochs}", step, steps, figures))

        result = train(network, records, config, model_run / WEIGHTS_FILE, on_step)
        (model_run / HISTORY_FILE).write_text(json.dumps(result.history, indent=2))
        description = ModelDescription(
            class_names=records.class_names,
            image_size=records.image_size,
            network=network_settings["name"],
            options=network_settings["options"],
            training=config.model_dump(),
            parameters=network.count_params(),
            train_seconds=result.seconds,
        )
        export_saved_model(network, description, path_utils.serving_model_dir(model.uri))
