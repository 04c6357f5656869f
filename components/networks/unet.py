"""U-Net, as in the paper or with a pretrained backbone as its contracting path.

Source: Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015,
figure 1; but with padded convolutions, so that the scores have the size of the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from components.networks import input_shape
from components.networks.alignment import BilinearUpsampling, CropToMatch, PadToMultiple
from components.networks.backbones import STRIDES, Backbone, check_options, make_backbone, option_names
from components.networks.pretrained import attach_backbone
from components.networks.released_weights import is_release, load_released_weights

if TYPE_CHECKING:
    from tfds_voc_seg.image_size import ImageSize

DEFAULT_DEPTH = 4
"""The number of poolings in the paper."""

MAX_CHANNELS_WITH_BACKBONE = 512

_OUTPUT_STRIDES = (1, *STRIDES[:-1])


def unet(
    *,
    image_size: ImageSize | None,
    num_classes: int,
    width: int = 64,
    depth: int | None = None,
    output_stride: int = 1,
    dropout: float = 0.3,
    batch_normalization: bool = False,
    backbone: str | None = None,
    weights: str | None = None,
    freeze_batch_normalization: bool = False,
    **backbone_options: Any,
) -> keras.Model:
    """Creates a U-Net.

    Args:
        image_size: the side of a square, or height and width of the input, pixels; `None` for any size.
        num_classes: the number of output channels.
        width: channels of the finest level; each level down doubles them, with a backbone up to 512.
        depth: the number of poolings, 4 by default: 64 to 1,024 channels. A backbone has five poolings of its own.
        output_stride: with a backbone, the stride at which the expanding path ends: 1, 2, 4, 8 or 16. The scores are
            then upsampled bilinearly, like those of an FCN, which saves the convolutions at the finer strides.
        dropout: rate after each pooling and each concatenation of a skip connection.
        batch_normalization: normalise after each convolution; with a backbone, only in the expanding path.
        backbone: a name in `backbones.BACKBONES`; its features at strides 32 to 2 replace the contracting path, and
            the finest level has no skip connection. If the backbone's strides shift its features (see
            `backbones.Backbone`), the shift is less than one feature of the level; the expanding path learns it.
        weights: the weights of the backbone: `None`, `imagenet`, a file or a release, see
            `pretrained.attach_backbone`; without a backbone, those of a release of this network.
        freeze_batch_normalization: let the backbone's normalisation layers use their stored statistics.
        **backbone_options: the MobileNets have `alpha`, their factor on the channels.

    Returns:
        A network that keeps the contract in `components.networks`.

    Raises:
        ValueError: the backbone or an option is unknown, options exclude each other, or the weights do not exist or do
            not fit.

    Example:
        >>> network = unet(image_size=128, num_classes=3, backbone="mobilenet_v2", width=16, weights="imagenet")
    """
    _check_options(backbone, depth, output_stride, weights, freeze_batch_normalization, backbone_options)
    images = keras.Input(input_shape(image_size), name="image")

    # Down, to the coarsest features and the skip connections: level → features at stride 2^level.
    trunk: Backbone | None = None
    if backbone is None:
        depth = DEFAULT_DEPTH if depth is None else depth
        channels = [width * 2**level for level in range(depth + 1)]
        outputs, skips = _contracting_path(images, channels, dropout, batch_normalization)
    else:
        trunk = make_backbone(backbone, images, **backbone_options)
        depth = len(STRIDES)
        channels = [min(width * 2**level, MAX_CHANNELS_WITH_BACKBONE) for level in range(depth)]
        outputs = trunk.features[2**depth]
        skips = {level: trunk.features[2**level] for level in range(1, depth)}

    # Up: a transposed convolution, the skip connection beside it, two convolutions.
    for level in reversed(range(output_stride.bit_length() - 1, depth)):
        outputs = keras.layers.Conv2DTranspose(channels[level], 2, strides=2, padding="same", name=f"up{level}")(
            outputs
        )
        if level in skips:
            outputs = keras.layers.Concatenate(name=f"up{level}_join")([outputs, skips[level]])
            outputs = keras.layers.Dropout(dropout, name=f"up{level}_dropout")(outputs)
        outputs = _two_convolutions(outputs, channels[level], f"up{level}", batch_normalization)

    # Linear scores at the size of the input; in float32 also under mixed precision.
    scores = keras.layers.Conv2D(num_classes, 1, dtype="float32", name="score")(outputs)
    if trunk is not None and output_stride > 1:
        upsampling = BilinearUpsampling(output_stride, trunk.shift, dtype="float32", name="upsample_to_input")
        scores = upsampling(scores)
    scores = CropToMatch(dtype="float32", name="crop")([scores, images])
    network = keras.Model(images, scores, name="unet")
    if trunk is not None:
        attach_backbone(network, trunk, weights=weights, freeze_batch_normalization=freeze_batch_normalization)
    elif weights is not None:
        load_released_weights(network, weights, [layer.name for layer in network.layers if layer.name != "score"])
    return network


def _check_options(
    backbone: str | None,
    depth: int | None,
    output_stride: int,
    weights: str | None,
    freeze: bool,
    backbone_options: dict[str, Any],
) -> None:
    if backbone is not None:
        check_options(backbone, backbone_options, unet)
        if depth is not None:
            raise ValueError(f"depth {depth} cannot be used with a backbone, which has five poolings: remove it")
        if output_stride not in _OUTPUT_STRIDES:
            raise ValueError(
                f"output_stride must be one of {', '.join(map(str, _OUTPUT_STRIDES))}, not {output_stride}"
            )
        return
    if output_stride != 1:
        raise ValueError("output_stride needs a backbone: name one with `backbone`")
    for option in backbone_options:
        raise ValueError(f"unknown option {option!r}; its options are {', '.join(option_names(unet))}")
    if freeze or (weights is not None and not is_release(weights)):
        raise ValueError(
            "weights and freeze_batch_normalization need a backbone: name one with `backbone`, or for weights a release"
        )


def _contracting_path(
    images: Any, channels: list[int], dropout: float, batch_normalization: bool
) -> tuple[Any, dict[int, Any]]:
    """Applies two convolutions and a pooling per level.

    Returns:
        The features of the last level, and level → features of the other levels.
    """
    depth = len(channels) - 1
    outputs = PadToMultiple(2**depth, name="pad")(images)
    outputs = keras.layers.Rescaling(1 / 127.5, offset=-1, name="unit_range")(outputs)
    skips = {}
    for level in range(depth):
        outputs = _two_convolutions(outputs, channels[level], f"down{level}", batch_normalization)
        skips[level] = outputs
        outputs = keras.layers.MaxPooling2D(2, name=f"down{level}_pool")(outputs)
        outputs = keras.layers.Dropout(dropout, name=f"down{level}_dropout")(outputs)
    return _two_convolutions(outputs, channels[depth], "bottom", batch_normalization), skips


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
