"""The signatures of a SavedModel, and the check that a model has those that an evaluation needs."""

from __future__ import annotations

import tensorflow as tf
from etils import epath
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from components.run_files import SAVED_MODEL_FILE
from components.saved_model.description import ModelDescription, read_description

SERVING_SIGNATURE = "serving_default"
CLASS_MAP_SIGNATURE = "class_map"
PROBABILITIES_SIGNATURE = "probabilities"
SEGMENT_EXAMPLES_SIGNATURE = "segment_examples"
SEGMENT_IMAGES_SIGNATURE = "segment_images"
SCORE_IMAGES_SIGNATURE = "score_images"


def check_model(folder: str, *, load: bool = True) -> ModelDescription:
    """Checks that a SavedModel can be evaluated.

    Args:
        folder: the SavedModel.
        load: also load the model, which detects corrupt weights.

    Returns:
        The model's description.

    Raises:
        ValueError: the model cannot be loaded, is not a model of this project, or lacks the signature for evaluation.
    """
    try:
        description = read_description(folder)
        graph = saved_model_pb2.SavedModel.FromString((epath.Path(folder) / SAVED_MODEL_FILE).read_bytes())
        if load:
            tf.saved_model.load(folder)
    except (OSError, DecodeError, tf.errors.OpError) as error:
        raise ValueError(str(error)) from error
    if SCORE_IMAGES_SIGNATURE not in graph.meta_graphs[0].signature_def:
        raise ValueError(
            f"it lacks the signature {SCORE_IMAGES_SIGNATURE!r}: an earlier version of this project exported it; "
            "train and publish the model again"
        )
    return description
