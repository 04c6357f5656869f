"""Layers that keep scores aligned with the input for any input size."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np


@keras.saving.register_keras_serializable("vocseg")
class PadToMultiple(keras.layers.Layer):
    """Pads bottom and right with zeros to a multiple of the stride.

    Every pooling then divides the size without remainder, so that a feature at stride s covers exactly s pixels of the
    input and upsampling by s restores its position. `CropToMatch` removes the padding.
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
    """Crops the first input at bottom and right to the height and width of the second."""

    def call(self, inputs: list[Any]) -> Any:  # noqa: D102
        scores, reference = inputs
        shape = keras.ops.shape(reference)
        return scores[:, : shape[1], : shape[2], :]

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:  # noqa: D102
        scores, reference = input_shape
        return (scores[0], reference[1], reference[2], scores[3])


@keras.saving.register_keras_serializable("vocseg")
class BilinearInitializer(keras.initializers.Initializer):
    """Initialises a transposed convolution with bilinear interpolation, separately for each class.

    Source: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section 3.3;
    a kernel of 2 × stride interpolates between the centres of neighbouring features.

    Args:
        shift: the position of the features' centres, see `learned_upsampling`.
    """

    def __init__(self, shift: float = 0.5):
        self.shift = shift

    def __call__(self, shape: tuple[int, int, int, int], dtype: Any = None) -> Any:
        """Computes a kernel of shape (2 × stride, 2 × stride, output channels, input channels)."""
        size, _, outputs, inputs = shape
        stride = size // 2
        centre = _first_kept(stride, self.shift) + self.shift * (stride - 1)
        triangle = np.maximum(0, 1 - np.abs(np.arange(size) - centre) / stride)
        kernel = np.zeros(shape, np.float32)
        for channel in range(min(outputs, inputs)):
            kernel[:, :, channel, channel] = np.outer(triangle, triangle)
        return keras.ops.convert_to_tensor(kernel, dtype=dtype)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {"shift": self.shift}


@keras.saving.register_keras_serializable("vocseg")
class BilinearUpsampling(keras.layers.Layer):
    """Upsamples by bilinear interpolation with a fixed factor; outside the outermost scores it repeats them.

    The result is that of `learned_upsampling` at the start of the training, except at the edges, where
    `learned_upsampling` fades to zero. Two matrix products, for rows and for columns, take a CPU a small part of the
    time of a transposed convolution whose kernel is two strides wide and which has only as many channels as classes.

    Args:
        stride: the factor.
        shift: the position of the scores' centres, see `learned_upsampling`.
        every: compute only every n-th row and column of the result; it divides the factor.
        first: the first row and column to compute.
    """

    def __init__(self, stride: int, shift: float = 0.5, every: int = 1, first: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.stride, self.shift, self.every, self.first = stride, shift, every, first

    def call(self, scores: Any) -> Any:  # noqa: D102
        shape = keras.ops.shape(scores)
        rows, columns = (self._interpolation(size, scores.dtype) for size in shape[1:3])
        by_class = keras.ops.transpose(scores, (0, 3, 1, 2))
        upsampled = rows @ (by_class @ keras.ops.transpose(columns))
        return keras.ops.transpose(upsampled, (0, 2, 3, 1))

    def _interpolation(self, size: Any, dtype: Any) -> Any:
        """Computes the weight of each score (column) at each position (row): [size × stride / every, size]."""
        position = self.first + self.every * keras.ops.arange(size * self.stride // self.every, dtype="float32")
        score = (position - self.shift * (self.stride - 1)) / self.stride
        score = keras.ops.clip(score, 0, keras.ops.cast(size - 1, "float32"))
        distance = keras.ops.abs(score[:, None] - keras.ops.arange(size, dtype="float32"))
        return keras.ops.cast(keras.ops.maximum(0.0, 1 - distance), dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:  # noqa: D102
        batch, *sides, channels = input_shape
        return (batch, *(None if side is None else side * self.stride // self.every for side in sides), channels)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        own = {"stride": self.stride, "shift": self.shift, "every": self.every, "first": self.first}
        return {**super().get_config(), **own}


def learned_upsampling(scores: Any, stride: int, name: str, *, shift: float = 0.5) -> Any:
    """Upsamples scores by a transposed convolution that is initialised with bilinear interpolation.

    Args:
        scores: float [batch, height, width, channels].
        stride: the factor.
        name: the layer's name.
        shift: the position of the scores' centres in the upsampled scores: score i is centred at stride × i + shift ×
            (stride - 1). With 0.5 this is the middle of the pixels that the score covers, as after pooling; strided
            convolutions centre it at the first (0) or the last (1) of these pixels.

    Returns:
        float [batch, height × stride, width × stride, channels].
    """
    upsampled = keras.layers.Conv2DTranspose(
        scores.shape[-1],
        kernel_size=2 * stride,
        strides=stride,
        use_bias=False,
        kernel_initializer=BilinearInitializer(shift),
        name=name,
    )(scores)
    # The output is height + 1 strides high: score i covers two strides (the kernel), starting at stride × i.
    start = _first_kept(stride, shift)
    crop = (start, stride - start)
    return keras.layers.Cropping2D((crop, crop), name=f"{name}_crop")(upsampled)


def _first_kept(stride: int, shift: float) -> int:
    """Computes the smallest crop at the start with which a triangle of one stride per side fits in the kernel."""
    return math.ceil((stride - 1) * (1 - shift))
