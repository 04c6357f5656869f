"""VGG-16 as a fully convolutional backbone.

Source: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015, table 1,
column D. Layers are named as in keras.applications, so that its weights load by name.
"""

from __future__ import annotations

from typing import Any

import keras

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Convolutions and channels of each block."""

IMAGENET_BGR_MEAN = (103.939, 116.779, 123.68)


def caffe_preprocessing(images: Any) -> Any:
    """Turns RGB 0 to 255 into what VGG-16's published weights expect: BGR, ImageNet's mean subtracted."""
    blue_green_red = keras.ops.flip(images, axis=-1)
    return keras.layers.Normalization(mean=IMAGENET_BGR_MEAN, variance=(1.0, 1.0, 1.0), name="imagenet_mean")(
        blue_green_red
    )


def vgg16_features(
    images: Any,
    *,
    width: float,
    batch_normalization: bool,
    fully_connected_channels: int,
    dropout: float,
) -> dict[int, Any]:
    """Computes VGG-16's features at each stride.

    Args:
        images: float32 [batch, height, width, 3], RGB 0 to 255; height and width multiples of 32.
        width: factor on every block's channels.
        batch_normalization: normalise after each convolution; needed to train from scratch in few steps.
        fully_connected_channels: channels of fc6 and fc7 as convolutions (Long et al. 2015, section 3.1);
            0 leaves them out.
        dropout: rate after fc6 and fc7.

    Returns:
        Stride → features float32 [batch, height / stride, width / stride, channels], strides 2, 4, 8, 16 and 32.
    """
    features = {}
    outputs = caffe_preprocessing(images)
    if batch_normalization:
        outputs = keras.layers.Rescaling(1 / 64, name="unit_range")(outputs)
    for block, (convolutions, channels) in enumerate(BLOCKS, start=1):
        for index in range(1, convolutions + 1):
            outputs = _convolution(
                outputs, max(1, round(channels * width)), 3, f"block{block}_conv{index}", batch_normalization
            )
        outputs = keras.layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(outputs)
        features[2**block] = outputs
    if fully_connected_channels:
        for name, size in (("fc6", 7), ("fc7", 1)):
            outputs = _convolution(outputs, fully_connected_channels, size, name, batch_normalization)
            outputs = keras.layers.Dropout(dropout, name=f"{name}_dropout")(outputs)
        features[32] = outputs
    return features


def _convolution(inputs: Any, channels: int, size: int, name: str, batch_normalization: bool) -> Any:
    outputs = keras.layers.Conv2D(
        channels, size, padding="same", use_bias=not batch_normalization, kernel_initializer="he_normal", name=name
    )(inputs)
    if batch_normalization:
        outputs = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(outputs)
    return keras.layers.ReLU(name=f"{name}_relu")(outputs)
