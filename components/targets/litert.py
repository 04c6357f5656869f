"""Converts a SavedModel to LiteRT (TensorFlow Lite), with built-in operations alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import tensorflow as tf

from components.targets.scoring_function import ScoringModule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from etils import epath
    from numpy.typing import NDArray


def convert_to_litert(
    folder: epath.PathLike,
    target: Literal["litert", "litert_float16", "litert_int8"],
    *,
    batch: int | None = 1,
    representative: Sequence[NDArray[np.uint8]] = (),
) -> bytes:
    """Converts a SavedModel.

    Args:
        folder: a SavedModel that `check_model` accepted.
        target: `litert`, `litert_float16` (weights in float16) or `litert_int8` (weights and activations in int8, where
            LiteRT has such an operation). The images are uint8 and the scores float32 in each of them.
        batch: the number of images that the model takes; `None` for any number, which LiteRT computes more slowly.
        representative: for `litert_int8`: images uint8 [height, width, 3] of the network's size, on which the
            converter measures the ranges of the activations.

    Returns:
        The content of the model file.
    """
    module = ScoringModule(folder, batch)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.score.get_concrete_function()], module)
    if target != "litert":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if target == "litert_float16":
        converter.target_spec.supported_types = [tf.float16]
    if target == "litert_int8":

        def batches() -> Iterator[list[NDArray[np.uint8]]]:
            for image in representative:
                yield [image[None].repeat(batch or 1, axis=0)]

        converter.representative_dataset = batches
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
    content: bytes = converter.convert()
    return content
