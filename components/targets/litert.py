"""Converts a SavedModel to LiteRT (TensorFlow Lite), with built-in operations alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import tensorflow as tf

from components.targets.scoring_function import ScoringModule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from etils import epath
    from numpy.typing import NDArray


_UPSAMPLING = ("FULLY_CONNECTED", "BATCH_MATMUL", "TRANSPOSE", "STRIDED_SLICE")
"""Operations of `BilinearUpsampling`, which multiplies with one matrix twice. The converter makes the first product a
FULLY_CONNECTED and gives the matrix a scale per row for it; the int8 kernel of BATCH_MATMUL, which reads one scale
only, then returns zeros (TensorFlow 2.21, LiteRT 2.3)."""

_FLIPS = ("REVERSE_V2",)
"""The exchange of red and blue before VGG-16, and mirrored images. The converter measures a range for the output that
differs from the input's, but the int8 kernel copies the numbers unchanged: an image came out 1.46 times too bright
(TensorFlow 2.21, LiteRT 2.3)."""

_PROBABILITIES = ("SOFTMAX", "LOG_SOFTMAX", "LOG", "EXP", "MAXIMUM", "NEG", "ABS", "NOT_EQUAL", "SELECT", "SELECT_V2")
"""Operations of flip averaging and of merged background classes. Int8 has 256 steps from 0 to 1, too few for the
logarithm of a probability."""

_IN_FLOAT = (*_UPSAMPLING, *_FLIPS, *_PROBABILITIES)
"""Operations that an int8 model computes in float32. They take a small part of the time."""


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
    is_int8 = target == "litert_int8"
    content: bytes = _convert_to_int8(converter, representative, batch) if is_int8 else converter.convert()
    return content


def _convert_to_int8(converter: Any, representative: Sequence[NDArray[np.uint8]], batch: int | None) -> Any:
    def batches() -> Iterator[list[NDArray[np.uint8]]]:
        for image in representative:
            yield [image[None].repeat(batch or 1, axis=0)]

    converter.representative_dataset = batches
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=[*_IN_FLOAT])
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=batches, debug_options=options
    )
    return debugger.get_nondebug_quantized_model()
