"""Checks that a SavedModel can be evaluated."""

from __future__ import annotations

import tensorflow as tf
from etils import epath
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from components.run_files import SAVED_MODEL_FILE
from components.saved_model.description import ModelDescription, read_description
from components.saved_model.export import SCORE_IMAGES_SIGNATURE


def check_model(folder: str, *, load: bool = True) -> ModelDescription:
    """Makes sure that a SavedModel can be evaluated.

    Args:
        folder: the SavedModel.
        load: load it too, which finds damaged weights.

    Returns:
        What it says of itself.

    Raises:
        ValueError: it can't be loaded, is not one of this project, or was made by a version without the signature.
    """
    try:
        description = read_description(folder)
        graph = saved_model_pb2.SavedModel.FromString((epath.Path(folder) / SAVED_MODEL_FILE).read_bytes())
        if load:
            tf.saved_model.load(folder)
    except (OSError, DecodeError, tf.errors.OpError) as error:
        raise ValueError(str(error)) from error
    if SCORE_IMAGES_SIGNATURE not in graph.meta_graphs[0].signature_def:
        raise ValueError(f"it lacks the signature {SCORE_IMAGES_SIGNATURE}, as an earlier version made them")
    return description
