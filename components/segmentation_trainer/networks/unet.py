"""U-Net.

Source: Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015,
figure 1; with padded convolutions, so that the scores have the input's size.
"""

from __future__ import annotations

from typing import Any

import keras

from components.segmentation_trainer.networks.alignment import CropToMatch, PadToMultiple


def unet(
    *,
    image_size: int | None,
    num_classes: int,
    width: int = 64,
    depth: int = 4,
    dropout: float = 0.3,
    batch_normalization: bool = False,
) -> keras.Model:
    """Makes a U-Net.

    Args:
        image_size: height and width of the input, pixels; `None` for any.
        num_classes: the number of output channels.
        width: channels of the first level; each level down doubles them.
        depth: the number of poolings; 4 gives 64 to 1,024 channels.
        dropout: rate after each pooling and each joining of a skip connection.
        batch_normalization: normalise after each convolution.

    Returns:
        A network of the contract in this package's docstring.

    Example:
        >>> network = unet(image_size=128, num_classes=3)
    """
    images = keras.Input((image_size, image_size, 3), name="image")

    # Down: two convolutions a level, then pooling.
    outputs = PadToMultiple(2**depth, name="pad")(images)
    outputs = keras.layers.Rescaling(1 / 127.5, offset=-1, name="unit_range")(outputs)
    skips = []
    for level in range(depth):
        outputs = _two_convolutions(outputs, width * 2**level, f"down{level}", batch_normalization)
        skips.append(outputs)
        outputs = keras.layers.MaxPooling2D(2, name=f"down{level}_pool")(outputs)
        outputs = keras.layers.Dropout(dropout, name=f"down{level}_dropout")(outputs)
    outputs = _two_convolutions(outputs, width * 2**depth, "bottom", batch_normalization)

    # Up: a transposed convolution, the skip connection beside it, two convolutions.
    for level in reversed(range(depth)):
        channels = width * 2**level
        outputs = keras.layers.Conv2DTranspose(channels, 2, strides=2, padding="same", name=f"up{level}")(outputs)
        outputs = keras.layers.Concatenate(name=f"up{level}_join")([outputs, skips[level]])
        outputs = keras.layers.Dropout(dropout, name=f"up{level}_dropout")(outputs)
        outputs = _two_convolutions(outputs, channels, f"up{level}", batch_normalization)

    # Linear scores at the input's own size.
    scores = keras.layers.Conv2D(num_classes, 1, name="score")(outputs)
    scores = CropToMatch(name="crop")([scores, images])
    return keras.Model(images, scores, name="unet")


def _two_convolutions(inputs: Any, channels: int, name: str, batch_normalization: bool) -> Any:
    outputs = inputs
    for index in (1, 2):
        outputs = keras.layers.Conv2D(
            channels,
            3,
            padding="same",
            use_bias=not batch_normalization,
            kernel_initializer="he_normal",
            name=f"{name}_conv{index}",
        )(outputs)
        if batch_normalization:
            outputs = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_conv{index}_bn")(outputs)
        outputs = keras.layers.ReLU(name=f"{name}_conv{index}_relu")(outputs)
    return outputs
