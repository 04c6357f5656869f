"""DeepLabv3+ on any backbone.

Source: Chen, Zhu, Papandreou, Schroff, Adam, "Encoder-Decoder with Atrous Separable Convolution for Semantic Image
Segmentation", ECCV 2018, figure 2 and section 4; the pyramid is that of "Rethinking Atrous Convolution for Semantic
Image Segmentation" (DeepLabv3), 2017, section 3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from components.networks import input_shape
from components.networks.alignment import BilinearUpsampling, CropToMatch
from components.networks.atrous import with_output_stride
from components.networks.backbones import STRIDES, check_options, make_backbone
from components.networks.pretrained import attach_backbone

if TYPE_CHECKING:
    from tfds_voc_seg.image_size import ImageSize

DECODER_STRIDE = 4

RATES_AT_STRIDE_16 = (6, 12, 18)
"""The dilation rates of the pyramid's 3×3 convolutions at stride 16; doubled at stride 8, halved at stride 32."""


def deeplab_v3_plus(
    *,
    image_size: ImageSize | None,
    num_classes: int,
    backbone: str = "mobilenet_v2",
    weights: str | None = None,
    freeze_batch_normalization: bool = False,
    output_stride: int = 16,
    channels: int = 256,
    decoder_channels: int = 48,
    separable: bool = False,
    dropout: float = 0.1,
    **backbone_options: Any,
) -> keras.Model:
    """Creates a DeepLabv3+.

    Args:
        image_size: the side of a square, or height and width of the input, pixels; `None` for any size.
        num_classes: the number of output channels.
        backbone: a name in `backbones.BACKBONES`.
        weights: the weights of the backbone: `None`, `imagenet` or a file, see `pretrained.attach_backbone`.
        freeze_batch_normalization: let the backbone's normalisation layers use their stored statistics.
        output_stride: the stride of the backbone's coarsest features: 8, 16 or 32. At 8 the pyramid has four times as
            many positions as at 16, with which the paper trains.
        channels: channels of each branch of the pyramid and of the decoder's convolutions.
        decoder_channels: channels to which the backbone's features at stride 4 are reduced for the decoder.
        separable: use depthwise separable 3×3 convolutions in pyramid and decoder (section 3.1 of the paper), with
            about an eighth of the multiplications.
        dropout: rate after the pyramid.
        **backbone_options: VGG-16 has `width`, a factor on its channels, and `batch_normalization`; the MobileNets
            have `alpha`, their factor on the channels.

    Returns:
        A network that keeps the contract in `components.networks`.

    Raises:
        ValueError: the backbone, an option or the output stride is unknown, or the weights do not exist or do not fit.

    Example:
        >>> network = deeplab_v3_plus(image_size=320, num_classes=7, backbone="efficientnet_lite0", weights="imagenet")
    """
    check_options(backbone, backbone_options, deeplab_v3_plus)
    images = keras.Input(input_shape(image_size), name="image")

    # The pyramid: features at the output stride, through convolutions of several rates, and their mean over the image.
    trunk = with_output_stride(make_backbone(backbone, images, **backbone_options), images, output_stride)
    features = trunk.features[max(STRIDES)]
    rates = [rate * 16 // output_stride for rate in RATES_AT_STRIDE_16]
    branches = [_convolution(features, channels, 1, "pyramid_1x1")] + [
        _convolution(features, channels, 3, f"pyramid_rate{rate}", rate=rate, separable=separable) for rate in rates
    ]
    whole = keras.layers.GlobalAveragePooling2D(keepdims=True, name="pyramid_image_pool")(features)
    whole = _convolution(whole, channels, 1, "pyramid_image")
    # A 1×1 convolution of all five branches, computed as a sum of two: the mean is not repeated at every position.
    joined = keras.layers.Concatenate(name="pyramid_join")(branches)
    joined = keras.layers.Conv2D(channels, 1, use_bias=False, name="pyramid_project")(joined)
    whole = keras.layers.Conv2D(channels, 1, use_bias=False, name="pyramid_image_project")(whole)
    joined = _normalised(keras.layers.Add(name="pyramid_add_image")([joined, whole]), "pyramid_project")
    joined = keras.layers.Dropout(dropout, name="pyramid_dropout")(joined)

    # The decoder: the pyramid's output at stride 4, joined with the backbone's features, through two convolutions.
    upsampling = BilinearUpsampling(output_stride // DECODER_STRIDE, trunk.shift, name="upsample_to_stride4")
    fine = _convolution(trunk.features[DECODER_STRIDE], decoder_channels, 1, "decoder_reduce")
    outputs = keras.layers.Concatenate(name="decoder_join")([upsampling(joined), fine])
    for index in (1, 2):
        outputs = _convolution(outputs, channels, 3, f"decoder_conv{index}", separable=separable)

    # Scores at the size of the input; in float32 also under mixed precision.
    scores = keras.layers.Conv2D(num_classes, 1, dtype="float32", name="score")(outputs)
    scores = BilinearUpsampling(DECODER_STRIDE, trunk.shift, dtype="float32", name="upsample_to_input")(scores)
    scores = CropToMatch(dtype="float32", name="crop")([scores, images])
    network = keras.Model(images, scores, name="deeplab_v3_plus")
    attach_backbone(network, trunk, weights=weights, freeze_batch_normalization=freeze_batch_normalization)
    return network


def _convolution(inputs: Any, channels: int, size: int, name: str, *, rate: int = 1, separable: bool = False) -> Any:
    """Applies a convolution, normalisation and ReLU; a separable one has a depthwise convolution before."""
    arguments: dict[str, Any] = {"padding": "same", "use_bias": False}
    if separable:
        inputs = keras.layers.DepthwiseConv2D(size, dilation_rate=rate, name=f"{name}_depthwise", **arguments)(inputs)
        inputs, size, rate = _normalised(inputs, f"{name}_depthwise"), 1, 1
    outputs = keras.layers.Conv2D(
        channels, size, dilation_rate=rate, kernel_initializer="he_normal", name=name, **arguments
    )(inputs)
    return _normalised(outputs, name)


def _normalised(inputs: Any, name: str) -> Any:
    outputs = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(inputs)
    return keras.layers.ReLU(name=f"{name}_relu")(outputs)
