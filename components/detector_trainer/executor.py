"""Trains a detector, measures it and exports it."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.artifacts.local_copies import original_uri, with_local_copies
from components.artifacts.records import read_records
from components.detector_trainer.detector_config import DetectorConfig
from components.detector_trainer.export import DetectorDescription, export_detector
from components.detector_trainer.input_pipeline import image_batches
from components.detector_trainer.pictures import detection_picture
from components.detector_trainer.training import DetectorResult, train_detector
from components.progress import Progress, report
from components.run_files import DETECTION_FILE, DETECTIONS_FOLDER, DETECTOR_WEIGHTS_FILE
from components.training.resumption import TrainingFolder
from tfds_voc_seg.records.files import VAL_SPLIT, Records

CONFIG_KEY = "config"
STATE_FOLDER_KEY = "state_folder"
CODE_FINGERPRINT_KEY = "code_fingerprint"
EXAMPLES_KEY = "examples"
DETECTOR_KEY = "detector"
DETECTOR_RUN_KEY = "detector_run"
"""Other keys than a segmentation network's: whoever looks for those is given no detector."""

SHOWN_IMAGES = 12


class Executor(base_executor.BaseExecutor):
    """Trains a detector."""

    @with_local_copies
    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains an SSD300 on the train split and keeps the epoch of the best mean average precision on val.

        Args:
            input_dict:
                examples: Examples with boxes, with splits train and val.
            output_dict:
                detector: Model, what `export_detector` writes.
                detector_run: ModelRun: `detection.json`, the figures on val; `detections/`, pictures of them;
                    `history.json` and `history.csv`; `weights.json`, what became of the weights to begin with, layer by
                    layer, where there were any.
            exec_properties:
                config: JSON of `DetectorConfig`.
                state_folder: where the state after each epoch is kept; empty for nowhere.
                code_fingerprint: for TFX's cache; not read.

        Raises:
            ValueError: the records hold no boxes, or the detector can't be made.
            TrainingError: the training can't go on.
        """
        config = DetectorConfig.model_validate_json(exec_properties[CONFIG_KEY])
        examples = artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY])
        features: Any = tfds.features.FeaturesDict.from_config(examples.uri)
        if "objects" not in features:
            raise ValueError("the records hold no boxes, which a detector needs: convert with data.boxes=true")
        records = read_records(examples)
        model = artifact_utils.get_single_instance(output_dict[DETECTOR_KEY])
        model_run = epath.Path(artifact_utils.get_single_instance(output_dict[DETECTOR_RUN_KEY]).uri)
        model_run.mkdir(parents=True, exist_ok=True)

        def on_step(epoch: int, step: int, steps: int, figures: Mapping[str, float]) -> None:
            report(Progress(f"training the detector, epoch {epoch}/{config.epochs}", step, steps, figures))

        with tempfile.TemporaryDirectory() as scratch:
            code = exec_properties[CODE_FINGERPRINT_KEY]
            depends_on = "\0".join([original_uri(examples.uri), exec_properties[CONFIG_KEY], code])
            training = f"detector-{hashlib.sha256(depends_on.encode()).hexdigest()[:16]}"
            folder = TrainingFolder(f"{exec_properties[STATE_FOLDER_KEY] or scratch}/{training}")
            keras.backend.clear_session()
            network, result = train_detector(records, config, model_run, folder, on_step)
            description = DetectorDescription(
                class_names=records.class_names,
                image_size=records.image_size,
                detector=config.model_dump(mode="json"),
                parameters=network.count_params(),
                train_seconds=result.seconds,
                figures=result.figures,
            )
            _write_results(result, records, model_run)
            export_detector(network, result.defaults, description, model.uri)
            folder.remove()


def _write_results(result: DetectorResult, records: Records, model_run: epath.Path) -> None:
    (model_run / DETECTION_FILE).write_text(json.dumps(result.figures, indent=2))
    if result.weights:
        (model_run / DETECTOR_WEIGHTS_FILE).write_text(json.dumps(result.weights.as_json(), indent=2))
    pictures = model_run / DETECTIONS_FOLDER
    pictures.mkdir(exist_ok=True)
    for number, image in enumerate(_first_images(records.files[VAL_SPLIT], records.image_size)):
        picture = detection_picture(image, result.truth[number], result.found[number], records.class_names)
        encoded = tf.io.encode_png(picture).numpy()
        (pictures / f"{number:02d}.png").write_bytes(encoded)


def _first_images(files: Sequence[str], image_size: int) -> np.ndarray:
    return next(image_batches(files, image_size, SHOWN_IMAGES).as_numpy_iterator())
