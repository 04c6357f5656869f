"""Exports a trained detector: its layers' weights for other networks, and a SavedModel that detects objects."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from etils import epath
from tfx.utils import path_utils

from components.detector_trainer.detections import detect
from components.networks.layer_weights import write_layer_weights
from components.run_files import DETECTOR_DESCRIPTION_FILE, LAYER_WEIGHTS_FILE
from components.saved_model.request_images import decode_request
from tfds_voc_seg.geometry import Geometry

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

SERVING_SIGNATURE = "serving_default"


@dataclasses.dataclass(frozen=True)
class DetectorDescription:
    """The content of `detector.json`.

    Attributes:
        class_names: the names of the class ids, background first.
        image_size: height and width of the input in pixels.
        detector: settings of the detector and its training.
        parameters: number of parameters of the network.
        train_seconds: duration of the training.
        figures: metrics on val, see `average_precision.detection_metrics`.
    """

    class_names: tuple[str, ...]
    image_size: int
    detector: dict[str, Any]
    parameters: int
    train_seconds: float
    figures: dict[str, Any]


class _Detector(tf.Module):
    """The network with decoding of the images and of the detections, as a TensorFlow function."""

    def __init__(self, network: keras.Model, image_size: int, defaults: NDArray[np.float32]):
        super().__init__()
        self._network, self._image_size, self._defaults = network, image_size, defaults

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")], autograph=False)
    def detect(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        images, _ = decode_request(image_bytes, Geometry(self._image_size))
        boxes, scores, labels, count = detect(
            self._network(tf.cast(images, tf.float32), training=False), self._defaults
        )
        return {"boxes": boxes, "scores": scores, "labels": tf.cast(labels, tf.int32), "count": count}


def export_detector(
    network: keras.Model, defaults: NDArray[np.float32], description: DetectorDescription, folder: epath.PathLike
) -> None:
    """Writes `layers.weights.h5`, `detector.json` and, in the folder that TFX expects, a SavedModel.

    The SavedModel's signature `serving_default` takes `image_bytes` string [batch], image files of any size. It returns
    `boxes` float32 [batch, N, 4] (ymin, xmin, ymax, xmax as shares of the sides), `scores` float32 [batch, N] in
    descending order, `labels` int32 [batch, N], class ids, and `count` int32 [batch], the number of detections among
    the N entries.

    Args:
        network: a network from `ssd300`.
        defaults: float32 [boxes, 4], the network's default boxes.
        description: the content of `detector.json`.
        folder: the folder of the Model artifact.
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
