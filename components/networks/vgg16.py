"""VGG-16 as a fully convolutional backbone.

Source: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015, table 1,
column D. The layers have the names of keras.applications, so that its weights load by name.
"""

from __future__ import annotations

from typing import Any

import keras

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""The number of convolutions and the channels of each block."""

IMAGENET_BGR_MEAN = (103.939, 116.779, 123.68)


def caffe_preprocessing(images: Any) -> Any:
    """Converts RGB 0 to 255 to the input of VGG-16's published weights: BGR, ImageNet's mean subtracted."""
    blue_green_red = keras.ops.flip(images, axis=-1)
    return keras.layers.Normalization(mean=IMAGENET_BGR_MEAN, variance=(1.0, 1.0, 1.0), name="imagenet_mean")(
        blue_green_red
    )


def vgg16_features(images: Any, *, width: float = 1.0, batch_normalization: bool = False) -> dict[int, Any]:
    """Computes VGG-16's features at each stride.

    Args:
        images: float32 [batch, height, width, 3], RGB 0 to 255; height and width multiples of 32.
        width: factor on the channels of every block.
        batch_normalization: normalise after each convolution; needed for training from scratch in few steps.

    Returns:
        Stride → features [batch, height / stride, width / stride, channels], strides 2, 4, 8, 16 and 32.
    """
    features = {}
    outputs = vgg16_input(images, batch_normalization)
    for block in range(1, len(BLOCKS) + 1):
        outputs = vgg16_block(outputs, block, width=width, batch_normalization=batch_normalization)
        outputs = keras.layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(outputs)
        features[2**block] = outputs
    return features


def vgg16_input(images: Any, batch_normalization: bool) -> Any:
    """Preprocesses RGB 0 to 255 for the first block."""
    outputs = caffe_preprocessing(images)
    if batch_normalization:
        outputs = keras.layers.Rescaling(1 / 64, name="unit_range")(outputs)
    return outputs


def vgg16_block(inputs: Any, block: int, *, width: float, batch_normalization: bool) -> Any:
    """Applies the convolutions of a block (counted from 1), without its pooling. Options as for `vgg16_features`."""
    convolutions, channels = BLOCKS[block - 1]
    for index in range(1, convolutions + 1):
        name = f"block{block}_conv{index}"
        inputs = convolution_and_relu(inputs, scaled_channels(channels, width), 3, name, batch_normalization)
    return inputs


def scaled_channels(channels: int, width: float) -> int:
    """Multiplies a number of channels by a factor; the result is at least 1."""
    return max(1, round(channels * width))


def convolution_and_relu(
    inputs: Any, channels: int, size: int, name: str, batch_normalization: bool, **arguments: Any
) -> Any:
    """Applies the unit of VGG: a square convolution, batch normalisation if wanted, ReLU.

    Args:
        inputs: float [batch, height, width, channels].
        channels: output channels.
        size: height and width of the kernel.
        name: the name of the convolution; the other layers' names begin with it.
        batch_normalization: normalise after the convolution.
        **arguments: further arguments of `keras.layers.Conv2D`.
    """
    arguments = {"padding": "same", "kernel_initializer": "he_normal", **arguments}
    outputs = keras.layers.Conv2D(channels, size, use_bias=not batch_normalization, name=name, **arguments)(inputs)
    if batch_normalization:
        outputs = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(outputs)
    return keras.layers.ReLU(name=f"{name}_relu")(outputs)


def vgg16_application(*, width: float = 1.0, batch_normalization: bool = False, **arguments: Any) -> keras.Model:
    """Creates the VGG-16 of keras.applications, as a source of weights.

    Args:
        width: as for `vgg16_features`; published weights exist only for 1.
        batch_normalization: as for `vgg16_features`; published weights exist only without it.
        **arguments: arguments of `keras.applications.VGG16`.

    Raises:
        ValueError: no published weights fit the options, or the weights cannot be loaded.
    """
    if width != 1 or batch_normalization:
        raise ValueError("they need width 1 and no batch_normalization; remove these options or the weights")
    return keras.applications.VGG16(**arguments)
