"""Trains a detector, evaluates it and exports it."""

from __future__ import annotations

import json
import tempfile
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.artifacts.local_copies import original_uri, with_local_copies
from components.artifacts.manifests import with_manifests
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

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from tfx import types

CONFIG_KEY = "config"
STATE_FOLDER_KEY = "state_folder"
CODE_FINGERPRINT_KEY = "code_fingerprint"
EXAMPLES_KEY = "examples"
DETECTOR_KEY = "detector"
DETECTOR_RUN_KEY = "detector_run"
"""The output keys differ from SegmentationTrainer's, so that a search for segmentation networks finds no detector."""

SHOWN_IMAGES = 12
"""Number of val images with a picture of their detections."""


class Executor(base_executor.BaseExecutor):
    """Trains a detector."""

    @with_local_copies
    @with_manifests
    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains an SSD300 on the train split and exports the epoch with the best mean average precision on val.

        Args:
            input_dict:
                examples: Examples with boxes, with the splits train and val.
            output_dict:
                detector: Model, see `export.export_detector`.
                detector_run: ModelRun with `detection.json`, the metrics on val; `detections/`, pictures of the
                    detections; `history.json` and `history.csv`; and, if the training had initial weights,
                    `weights.json`, which lists for each layer whether it was loaded.
            exec_properties:
                config: JSON of `DetectorConfig`.
                state_folder: the folder for the training's state after each epoch; if empty, the state is not kept
                    after the execution.
                code_fingerprint: not only for TFX's cache key: it is also a part of the name of the state's folder.

        Raises:
            ValueError: the records contain no boxes, or the detector cannot be created.
            TrainingError: the training cannot continue.
        """
        config = DetectorConfig.model_validate_json(exec_properties[CONFIG_KEY])
        examples = artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY])
        features: Any = tfds.features.FeaturesDict.from_config(examples.uri)
        if "objects" not in features:
            raise ValueError("the records contain no boxes, which a detector requires: convert with data.boxes=true")
        records = read_records(examples)
        model = artifact_utils.get_single_instance(output_dict[DETECTOR_KEY])
        model_run = epath.Path(artifact_utils.get_single_instance(output_dict[DETECTOR_RUN_KEY]).uri)
        model_run.mkdir(parents=True, exist_ok=True)

        def on_step(epoch: int, step: int, steps: int, figures: Mapping[str, float]) -> None:
            report(Progress(f"training the detector, epoch {epoch}/{config.epochs}", step, steps, figures))

        with tempfile.TemporaryDirectory() as scratch:
            folder = TrainingFolder.of_inputs(
                exec_properties[STATE_FOLDER_KEY] or scratch,
                original_uri(examples.uri),
                exec_properties[CONFIG_KEY],
                exec_properties[CODE_FINGERPRINT_KEY],
                prefix="detector-",
            )
            keras.backend.clear_session()
            network, result = train_detector(records, config, model_run, folder, on_step)
            description = DetectorDescription(
                class_names=records.class_names,
                image_size=records.square_side,
                detector=config.model_dump(mode="json"),
                parameters=network.count_params(),
                train_seconds=result.seconds,
                figures=result.metrics,
            )
            _write_results(result, records, model_run)
            export_detector(network, result.defaults, description, model.uri)
            folder.remove()


def _write_results(result: DetectorResult, records: Records, model_run: epath.Path) -> None:
    (model_run / DETECTION_FILE).write_text(json.dumps(result.metrics, indent=2))
    if result.weights:
        (model_run / DETECTOR_WEIGHTS_FILE).write_text(json.dumps(result.weights.as_json(), indent=2))
    pictures = model_run / DETECTIONS_FOLDER
    pictures.mkdir(exist_ok=True)
    for number, image in enumerate(_first_images(records.files[VAL_SPLIT], records.square_side)):
        picture = detection_picture(image, result.truth[number], result.found[number], records.channels)
        encoded = tf.io.encode_png(picture).numpy()
        (pictures / f"{number:02d}.png").write_bytes(encoded)


def _first_images(files: Sequence[str], image_size: int) -> NDArray[np.uint8]:
    images: NDArray[np.uint8] = next(image_batches(files, image_size, SHOWN_IMAGES).as_numpy_iterator())
    return images
