"""Trains one candidate network and exports its best epoch."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
from etils import epath
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifacts.local_copies import original_uri, with_local_copies
from components.artifacts.manifests import with_manifests
from components.artifacts.records import read_records
from components.networks import create_network
from components.networks.pretrained import load_trained_backbone
from components.progress import Progress, report
from components.run_files import BACKBONE_FILE, FEATURES_FOLDER
from components.saved_model.description import ModelDescription
from components.saved_model.export import export_saved_model, with_flip_averaging
from components.training.background_classes import learned_class_names, with_background_merged
from components.training.config import TrainingConfig
from components.training.distribution import is_chief, make_strategy
from components.training.feature_cache import FeatureCache
from components.training.loop import train
from components.training.resumption import TrainingFolder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tfx import types

CANDIDATE_KEY = "candidate"
NETWORK_KEY = "network"
TRAINING_KEY = "training"
EPOCHS_KEY = "epochs"
STATE_FOLDER_KEY = "state_folder"
CODE_FINGERPRINT_KEY = "code_fingerprint"
EXAMPLES_KEY = "examples"
BACKBONE_KEY = "backbone"
MODEL_KEY = "model"
MODEL_RUN_KEY = "model_run"


class Executor(base_executor.BaseExecutor):
    """Trains one candidate."""

    @with_local_copies
    @with_manifests
    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains the network on the train split and exports the epoch with the best result on val.

        Args:
            input_dict:
                examples: Examples of the record contract, with the splits train and val.
                backbone: optional, a DetectorTrainer's Model, whose layers initialise the network's backbone.
            output_dict:
                model: Model, a SavedModel in the folder that TFX's Pusher expects.
                model_run: ModelRun with `history.json`, `history.csv`, `curves.png` and TensorBoard's logs; with a
                    backbone also `backbone.json`, which contains the backbone's Model and lists the loaded layers.
            exec_properties:
                candidate: the candidate's name, which the progress display shows.
                network: JSON with `name` and `options`.
                training: JSON of `TrainingConfig`.
                epochs: optional, overrides the epochs of `training` if it is above 0.
                state_folder: the folder for the training's state after each epoch; if empty, the state is not kept
                    after the execution. Beside it, `FEATURES_FOLDER` keeps the features of frozen blocks.
                code_fingerprint: not only for TFX's cache key: it is also a part of the name of the state's folder.

        Raises:
            ValueError: the network cannot be created; the batch cannot be divided among the devices; or the training
                should learn the background's classes, but the records do not contain them.
            TrainingError: the training cannot continue.
        """
        config = training_config(exec_properties)
        strategy = make_strategy(config)  # first, because workers must connect before any other TensorFlow operation
        examples = artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY])
        records = read_records(examples)
        candidate = exec_properties[CANDIDATE_KEY]
        network_settings = json.loads(exec_properties[NETWORK_KEY])

        def on_step(epoch: int, step: int, steps: int, figures: Mapping[str, float]) -> None:
            report(Progress(f"training {candidate}, epoch {epoch}/{config.epochs}", step, steps, figures))

        with tempfile.TemporaryDirectory() as scratch:
            backbone = [artifact.uri for artifact in input_dict.get(BACKBONE_KEY, [])]
            settings = {**exec_properties, TRAINING_KEY: config.model_dump_json()}
            model_folder, model_run, folder = _folders(output_dict, settings, [examples.uri, *backbone], scratch)
            if not is_chief(strategy):  # computes the same results as the chief; they are discarded
                model_folder, model_run = f"{scratch}/model", epath.Path(scratch) / "run"
                folder = folder.copy_to(f"{scratch}/state")  # the chief's state: all workers resume at the same epoch
            keras.backend.clear_session()
            model_run.mkdir(parents=True, exist_ok=True)

            def make_network() -> keras.Model:
                network = create_network(
                    network_settings["name"],
                    image_size=records.image_size,
                    num_classes=len(learned_class_names(records, config)),
                    **network_settings["options"],
                )
                for uri in backbone:
                    loaded = load_trained_backbone(network, uri)
                    (model_run / BACKBONE_FILE).write_text(
                        json.dumps({"model": original_uri(uri), **loaded.as_json()}, indent=2)
                    )
                return network

            def on_features(done: int, total: int, size: int) -> None:
                task = f"features of the frozen blocks for {candidate}, {size / 1e9:.1f} GB"
                report(Progress(task, done, total))

            network, result = train(
                make_network,
                records,
                config,
                strategy,
                model_run,
                folder,
                on_step,
                FeatureCache(_cache_folder(settings, scratch), exec_properties[CODE_FINGERPRINT_KEY], on_features),
            )
            description = ModelDescription(
                class_names=records.class_names,
                image_size=records.image_size,
                network=network_settings["name"],
                options=network_settings["options"],
                training=config.model_dump(),
                parameters=network.count_params(),
                train_seconds=result.seconds,
                records=records.config,
            )
            exported = network
            if config.learn_background_classes:
                exported = with_background_merged(exported, len(records.class_names))
            if config.flip_averaging:
                exported = with_flip_averaging(exported)
            export_saved_model(exported, description, model_folder)
            folder.remove()


def training_config(exec_properties: Mapping[str, Any]) -> TrainingConfig:
    """Reads the training's settings from the execution parameters.

    Raises:
        ValueError: the settings are invalid, possibly only with the number of epochs that overrides theirs.
    """
    config = TrainingConfig.model_validate_json(exec_properties[TRAINING_KEY])
    epochs = exec_properties.get(EPOCHS_KEY) or 0
    return TrainingConfig.model_validate({**config.model_dump(), "epochs": epochs}) if epochs > 0 else config


def _folders(
    output_dict: dict[str, list[types.Artifact]],
    exec_properties: dict[str, Any],
    inputs: Sequence[str],
    scratch: str,
) -> tuple[str, epath.Path, TrainingFolder]:
    """Returns the folders of SavedModel, history and state."""
    model = artifact_utils.get_single_instance(output_dict[MODEL_KEY])
    model_run = artifact_utils.get_single_instance(output_dict[MODEL_RUN_KEY])
    keys = (NETWORK_KEY, TRAINING_KEY, CODE_FINGERPRINT_KEY)
    state = TrainingFolder.of_inputs(
        exec_properties[STATE_FOLDER_KEY] or scratch,
        *map(original_uri, inputs),
        *(exec_properties[key] for key in keys),
    )
    return path_utils.serving_model_dir(model.uri), epath.Path(model_run.uri), state


def _cache_folder(exec_properties: Mapping[str, Any], scratch: str) -> Path:
    """Returns the folder with the features of frozen blocks, on a local disk; the candidates share it."""
    state_folder = exec_properties[STATE_FOLDER_KEY]
    is_local = state_folder and "://" not in state_folder
    return (Path(state_folder).parent if is_local else Path(scratch)) / FEATURES_FOLDER
