"""The network of a SavedModel with its weights as constants, which a CPU computes in four fifths of the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from components.saved_model.signatures import SCORE_IMAGES_SIGNATURE

if TYPE_CHECKING:
    from etils import epath

    from components.saved_model.photo_scores import Score

LARGEST_WEIGHTS = 256 * 2**20
"""Bytes; larger weights stay variables, because the conversion needs several times their memory."""


def load_scores(folder: epath.PathLike) -> Score:
    """Loads the network of a SavedModel that `check_model` accepted, for many images: see `scores_with_constants`."""
    return scores_with_constants(tf.saved_model.load(str(folder)))


def scores_with_constants(model: Any) -> Score:
    """Makes the network of a loaded SavedModel faster for many images.

    On a CPU, TensorFlow's optimizer then joins convolutions with the normalisation, bias and activation behind them,
    which it cannot do with variables. The scores differ by rounding, about 1e-5. The conversion takes as long as the
    network on about 100 images. Large networks and those on a GPU keep their variables.
    """
    signature = model.signatures[SCORE_IMAGES_SIGNATURE]
    weights = sum(variable.shape.num_elements() * variable.dtype.size for variable in signature.variables)
    if weights > LARGEST_WEIGHTS or tf.config.list_physical_devices("GPU"):
        return scores_with_variables(model)
    frozen = frozen_signature(model)
    return lambda images: frozen(images)[0]


def scores_with_variables(model: Any) -> Score:
    """Returns the network of a loaded SavedModel as it is; the function keeps the model's variables alive."""
    return lambda images: model.signatures[SCORE_IMAGES_SIGNATURE](images=images)["scores"]


def frozen_signature(model: Any) -> Any:
    """Returns the signature `score_images` of a loaded SavedModel, a function whose weights are constants."""
    return convert_variables_to_constants_v2(model.signatures[SCORE_IMAGES_SIGNATURE])
