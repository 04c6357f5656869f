"""A trained detector as an artifact: its layers' weights for other networks, and a SavedModel that detects."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from etils import epath
from tfx.utils import path_utils

from components.detector_trainer.detections import detect
from components.networks.layer_weights import write_layer_weights
from components.run_files import DETECTOR_DESCRIPTION_FILE, LAYER_WEIGHTS_FILE
from components.saved_model.request_images import decode_request

SERVING_SIGNATURE = "serving_default"


@dataclasses.dataclass(frozen=True)
class DetectorDescription:
    """What a detector says of itself.

    Attributes:
        class_names: the names of the class ids, background first.
        image_size: height and width of its input, pixels.
        detector: its settings and its training's.
        parameters: of the network.
        train_seconds: how long the training took.
        figures: mean average precision on val, as from `average_precision.detection_figures`.
    """

    class_names: tuple[str, ...]
    image_size: int
    detector: dict[str, Any]
    parameters: int
    train_seconds: float
    figures: dict[str, Any]


class _Detector(tf.Module):
    """The network with its preprocessing and what follows it, as a TensorFlow function."""

    def __init__(self, network: keras.Model, image_size: int, defaults: np.ndarray):
        super().__init__()
        self._network, self._image_size, self._defaults = network, image_size, defaults

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def detect(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        images = tf.cast(decode_request(image_bytes, self._image_size), tf.float32)
        boxes, scores, labels, count = detect(self._network(images, training=False), self._defaults)
        return {"boxes": boxes, "scores": scores, "labels": tf.cast(labels, tf.int32), "count": count}


def export_detector(
    network: keras.Model, defaults: np.ndarray, description: DetectorDescription, folder: epath.PathLike
) -> None:
    """Writes a detector.

    The folder then holds `LAYER_WEIGHTS_FILE`, `detector.json` and, where TFX looks for one, a SavedModel: its
    signature `serving_default` takes `image_bytes` string [batch], image files of any size, and gives `boxes` float32
    [batch, N, 4] (ymin, xmin, ymax, xmax as shares of the sides), `scores` float32 [batch, N], best first, `labels`
    int32 [batch, N], class ids, and `count` int32 [batch], how many of the N are detections.

    Args:
        network: as from `ssd300`.
        defaults: float32 [boxes, 4], its default boxes.
        description: what is written beside it.
        folder: the Model artifact's.
    """
    folder = epath.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / LAYER_WEIGHTS_FILE
        write_layer_weights(network, local)
        epath.Path(local).copy(folder / LAYER_WEIGHTS_FILE, overwrite=True)
    (folder / DETECTOR_DESCRIPTION_FILE).write_text(json.dumps(dataclasses.asdict(description), indent=2))
    detector = _Detector(network, description.image_size, defaults)
    tf.saved_model.save(
        detector, path_utils.serving_model_dir(str(folder)), signatures={SERVING_SIGNATURE: detector.detect}
    )
