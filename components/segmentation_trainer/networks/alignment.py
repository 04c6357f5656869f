"""Layers that keep scores aligned with the input, whatever its size."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


@keras.saving.register_keras_serializable("vocseg")
class PadToMultiple(keras.layers.Layer):
    """Pads bottom and right with zeros up to a multiple of the stride.

    Every pooling then divides without remainder, so that a feature at stride s covers exactly s pixels of the input
    and upsampling by s puts it back where it came from. `CropToMatch` takes the padding off again.
    """

    def __init__(self, multiple: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.multiple = multiple

    def call(self, inputs: Any) -> Any:  # noqa: D102
        shape = keras.ops.shape(inputs)
        bottom, right = (-shape[1] % self.multiple, -shape[2] % self.multiple)
        return keras.ops.pad(inputs, [[0, 0], [0, bottom], [0, right], [0, 0]])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:  # noqa: D102
        batch, height, width, channels = input_shape
        return (batch, *(None if n is None else n + -n % self.multiple for n in (height, width)), channels)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {**super().get_config(), "multiple": self.multiple}


@keras.saving.register_keras_serializable("vocseg")
class CropToMatch(keras.layers.Layer):
    """Crops the first input at bottom and right to height and width of the second."""

    def call(self, inputs: list[Any]) -> Any:  # noqa: D102
        scores, reference = inputs
        shape = keras.ops.shape(reference)
        return scores[:, : shape[1], : shape[2], :]

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:  # noqa: D102
        scores, reference = input_shape
        return (scores[0], reference[1], reference[2], scores[3])


@keras.saving.register_keras_serializable("vocseg")
class BilinearInitializer(keras.initializers.Initializer):
    """Bilinear interpolation as the kernel of a transposed convolution, each class on its own.

    Source: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section 3.3;
    a kernel of 2 × stride interpolates between the centres of neighbouring features.
    """

    def __call__(self, shape: tuple[int, int, int, int], dtype: Any = None) -> Any:
        """Gives a kernel of the shape (height, width, output channels, input channels)."""
        height, width, outputs, inputs = shape
        kernel = np.zeros(shape, np.float32)
        window = np.outer(_triangle(height), _triangle(width))
        for channel in range(min(outputs, inputs)):
            kernel[:, :, channel, channel] = window
        return keras.ops.convert_to_tensor(kernel, dtype=dtype)


def _triangle(size: int) -> np.ndarray:
    factor = (size + 1) // 2
    centre = factor - 1 if size % 2 else factor - 0.5
    return 1 - np.abs(np.arange(size) - centre) / factor


def bilinear_upsampling(scores: Any, stride: int, name: str) -> Any:
    """Upsamples scores by a learned transposed convolution that starts as bilinear interpolation.

    Args:
        scores: float [batch, height, width, channels].
        stride: the factor.
        name: the layer's name.

    Returns:
        float [batch, height × stride, width × stride, channels].
    """
    return keras.layers.Conv2DTranspose(
        scores.shape[-1],
        kernel_size=2 * stride,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer=BilinearInitializer(),
        name=name,
    )(scores)
