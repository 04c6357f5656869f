"""Evaluates a detector on a split: its detections, and its mean average precision after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from components.detector_trainer.average_precision import detection_metrics
from components.detector_trainer.detections import Detections, detect, per_image
from components.detector_trainer.input_pipeline import image_batches, read_objects

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tfds_voc_seg.records.files import Records

VAL_MAP = "val_map_voc2012"

DetectBatch = Callable[[tf.Tensor], Any]
"""Images, uint8 [batch, size, size, 3] → the result of `detections.detect`."""


def batch_detector(network: keras.Model, defaults: NDArray[np.float32]) -> DetectBatch:
    """Returns network and `detect` as one function, which is traced once and always uses the current weights."""

    # Batches of any size: a trace for the last one, which is smaller, would take longer than the detection.
    @tf.function(input_signature=[tf.TensorSpec([None, *network.input_shape[1:]], tf.uint8)], autograph=False)
    def detect_batch(images: tf.Tensor) -> Any:
        return detect(network(tf.cast(images, tf.float32), training=False), defaults)

    result: DetectBatch = detect_batch
    return result


def detect_split(detect_batch: DetectBatch, files: Sequence[str], image_size: int, batch_size: int) -> list[Detections]:
    """Detects the objects in all images of a split, in the order of the records."""
    batches = image_batches(files, image_size, batch_size)
    return [found for images in batches for found in per_image(*detect_batch(images))]


class AveragePrecision(keras.callbacks.Callback):
    """Adds the split's mean average precision to the metrics of each epoch.

    Attributes:
        truth: the true objects of each image, in the order of the records.
    """

    def __init__(
        self, network: keras.Model, records: Records, split: str, defaults: NDArray[np.float32], batch_size: int
    ):
        super().__init__()
        self._files, self._records, self._batch_size = records.files[split], records, batch_size
        self._detect_batch = batch_detector(network, defaults)
        self.truth = read_objects(self._files)

    def measure(self) -> tuple[dict[str, Any], list[Detections]]:
        """Returns the network's current metrics, see `detection_metrics`, and its detections."""
        found = detect_split(self._detect_batch, self._files, self._records.square_side, self._batch_size)
        return detection_metrics(self.truth, found, self._records.class_names), found

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        del epoch
        metrics, _ = self.measure()
        logs[VAL_MAP] = metrics["map_voc2012"] or 0.0
