"""The signatures of a SavedModel, and the check that a model has those that an evaluation needs."""

from __future__ import annotations

import tensorflow as tf
from etils import epath
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from components.run_files import SAVED_MODEL_FILE
from components.saved_model.description import ModelDescription, read_description
from components.saved_model.trust import refuse_untrusted

SERVING_SIGNATURE = "serving_default"
CLASS_MAP_SIGNATURE = "class_map"
PROBABILITIES_SIGNATURE = "probabilities"
SEGMENT_EXAMPLES_SIGNATURE = "segment_examples"
SEGMENT_IMAGES_SIGNATURE = "segment_images"
SCORE_IMAGES_SIGNATURE = "score_images"


def check_model(folder: str, *, load: bool = True, trust: bool = False) -> ModelDescription:
    """Checks that a SavedModel can be evaluated.

    Args:
        folder: the SavedModel.
        load: also load the model, which detects corrupt weights.
        trust: also accept a model whose graph could reach files, processes or the network, see `trust.py`.

    Returns:
        The model's description.

    Raises:
        ValueError: the model cannot be loaded, is not a model of this project, lacks the signature for evaluation, or
            could do more than compute.
    """
    try:
        description = read_description(folder)
        graph = saved_model_pb2.SavedModel.FromString((epath.Path(folder) / SAVED_MODEL_FILE).read_bytes())
        if not trust:
            refuse_untrusted(graph)
        if load:
            tf.saved_model.load(folder)
    except (OSError, DecodeError, tf.errors.OpError) as error:
        raise ValueError(str(error)) from error
    if not any(SCORE_IMAGES_SIGNATURE in part.signature_def for part in graph.meta_graphs[:1]):
        raise ValueError(
            f"it lacks the signature {SCORE_IMAGES_SIGNATURE!r}: an earlier version of this project exported it; "
            "train and publish the model again"
        )
    return description
