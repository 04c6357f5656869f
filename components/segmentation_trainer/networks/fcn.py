"""Fully convolutional networks: FCN-32, FCN-16, FCN-8 and FCN-4 on VGG-16.

Source: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section 4 and
figure 3: linear 1×1 scores at each stride, fused by addition, upsampled by transposed convolutions of kernel
2 × stride that start as bilinear interpolation. FCN-4 goes one block further down the same way.
"""

from __future__ import annotations

import functools
from typing import Any

import keras

from components.segmentation_trainer.networks.alignment import CropToMatch, PadToMultiple, bilinear_upsampling
from components.segmentation_trainer.networks.vgg16 import vgg16_features

COARSEST_STRIDE = 32


def fcn(
    *,
    output_stride: int,
    image_size: int | None,
    num_classes: int,
    width: float = 1.0,
    batch_normalization: bool = False,
    fully_connected_channels: int = 4096,
    dropout: float = 0.5,
) -> keras.Model:
    """Makes an FCN whose finest scores have the given stride.

    Args:
        output_stride: stride of the finest features that are scored: 32, 16, 8 or 4.
        image_size: height and width of the input, pixels; `None` for any.
        num_classes: the number of output channels.
        width: factor on the channels of VGG-16's blocks.
        batch_normalization: normalise after each convolution; needed to train from scratch in few steps.
        fully_connected_channels: channels of fc6 and fc7 as convolutions, as in the paper; 0 leaves them out.
        dropout: rate after fc6 and fc7.

    Returns:
        A network of the contract in this package's docstring.

    Example:
        >>> network = fcn(output_stride=8, image_size=300, num_classes=21)
    """
    images = keras.Input((image_size, image_size, 3), name="image")

    # Features of the padded image at strides 2 to 32.
    padded = PadToMultiple(COARSEST_STRIDE, name="pad")(images)
    features = vgg16_features(
        padded,
        width=width,
        batch_normalization=batch_normalization,
        fully_connected_channels=fully_connected_channels,
        dropout=dropout,
    )

    # Scores, coarse to fine, fused by addition.
    stride = COARSEST_STRIDE
    scores = _score(features[stride], num_classes, stride)
    while stride > output_stride:
        stride //= 2
        upsampled = bilinear_upsampling(scores, 2, name=f"upsample_to_stride{stride}")
        skip = _score(features[stride], num_classes, stride)
        scores = keras.layers.Add(name=f"fuse_stride{stride}")([upsampled, skip])

    # Back to the input's own size.
    scores = bilinear_upsampling(scores, stride, name="upsample_to_input")
    scores = CropToMatch(name="crop")([scores, images])
    return keras.Model(images, scores, name=f"fcn{output_stride}")


fcn32 = functools.partial(fcn, output_stride=32)
"""FCN-32: one score layer, upsampled 32 times. Arguments as `fcn`."""

fcn16 = functools.partial(fcn, output_stride=16)
"""FCN-16: strides 32 and 16 fused. Arguments as `fcn`."""

fcn8 = functools.partial(fcn, output_stride=8)
"""FCN-8: strides 32, 16 and 8 fused. Arguments as `fcn`."""

fcn4 = functools.partial(fcn, output_stride=4)
"""FCN-4: strides 32, 16, 8 and 4 fused. Arguments as `fcn`."""


def _score(features: Any, num_classes: int, stride: int) -> Any:
    return keras.layers.Conv2D(num_classes, 1, kernel_initializer="glorot_uniform", name=f"score_stride{stride}")(
        features
    )
