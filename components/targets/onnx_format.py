"""Converts a SavedModel to ONNX with tf2onnx, which, unlike Keras' own export, does not need the network's code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tf2onnx

from components.targets.scoring_function import ScoringModule

if TYPE_CHECKING:
    from etils import epath

_OPSET = 18
"""The version of ONNX' operations; the newest that tf2onnx writes. ONNX Runtime knows it since version 1.14."""


def convert_to_onnx(folder: epath.PathLike, *, batch: int | None = None) -> bytes:
    """Converts a SavedModel.

    Args:
        folder: a SavedModel that `check_model` accepted.
        batch: the number of images that the model takes; `None` for any number.

    Returns:
        The content of the model file.
    """
    module = ScoringModule(folder, batch)
    model, _ = tf2onnx.convert.from_function(module.score, [module.images], opset=_OPSET)
    content: bytes = model.SerializeToString()
    return content
