"""A detector over a split: its detections, and their mean average precision after each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.detector_trainer.average_precision import detection_figures
from components.detector_trainer.detections import Detections, detect, per_image
from components.detector_trainer.input_pipeline import image_batches, read_objects
from components.record_artifacts import Records

VAL_MAP = "val_map_voc2012"


def detect_split(
    network: keras.Model, files: Sequence[str], image_size: int, defaults: np.ndarray, batch_size: int
) -> list[Detections]:
    """Detects objects in every image of a split, in the records' own order."""

    @tf.function
    def step(images: tf.Tensor) -> Any:
        return detect(network(tf.cast(images, tf.float32), training=False), defaults)

    batches = image_batches(files, image_size, batch_size)
    return [found for images in batches for found in per_image(*step(images))]


class AveragePrecision(keras.callbacks.Callback):
    """Adds the val split's mean average precision to each epoch's figures."""

    def __init__(self, records: Records, split: str, defaults: np.ndarray, batch_size: int):
        super().__init__()
        self._files, self._records = records.files[split], records
        self._defaults, self._batch_size = defaults, batch_size
        self.truth = read_objects(self._files)

    def measure(self, network: keras.Model) -> tuple[dict[str, Any], list[Detections]]:
        """Gives what `detection_figures` says of a network, and its detections."""
        found = detect_split(network, self._files, self._records.image_size, self._defaults, self._batch_size)
        return detection_figures(self.truth, found, self._records.class_names), found

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        figures, _ = self.measure(self.model)
        logs[VAL_MAP] = figures["map_voc2012"] or 0.0
