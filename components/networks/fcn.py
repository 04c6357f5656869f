"""Fully convolutional networks: FCN-32, FCN-16, FCN-8 and FCN-4, on any backbone.

Source: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section 4 and
figure 3: linear 1×1 convolutions score the features at each stride; they are initialised with zero and fused by
addition. Between strides, scores are upsampled by transposed convolutions that are initialised with bilinear
interpolation and trained; at the end, by fixed bilinear interpolation (section 4.3). FCN-4 adds one more block in the
same way.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import keras

from components.networks import input_shape
from components.networks.alignment import BilinearUpsampling, CropToMatch, learned_upsampling
from components.networks.backbones import STRIDES, check_options, make_backbone
from components.networks.pretrained import attach_backbone
from components.networks.vgg16 import convolution_and_relu

if TYPE_CHECKING:
    from tfds_voc_seg.image_size import ImageSize


def fcn(
    output_stride: int,
    /,
    *,
    image_size: ImageSize | None,
    num_classes: int,
    backbone: str = "vgg16",
    weights: str | None = None,
    freeze_batch_normalization: bool = False,
    fully_connected_channels: int | None = None,
    fully_connected_kernel_size: int | None = None,
    image_pooling: bool = False,
    dropout: float = 0.5,
    **backbone_options: Any,
) -> keras.Model:
    """Creates an FCN whose finest scores have the given stride.

    Args:
        output_stride: stride of the finest features that are scored: 32, 16, 8 or 4.
        image_size: the side of a square, or height and width of the input, pixels; `None` for any size.
        num_classes: the number of output channels.
        backbone: a name in `backbones.BACKBONES`.
        weights: the weights of the backbone: `None`, `imagenet` or a file, see `pretrained.attach_backbone`.
        freeze_batch_normalization: let the backbone's normalisation layers use their stored statistics.
        fully_connected_channels: channels of fc6 and fc7 as convolutions; 0 omits them. The default is the paper's
            4,096 for VGG-16 and 0 for other backbones. The two layers belong to no block of the backbone. They have
            batch normalisation if the backbone has it: VGG-16 with its option `batch_normalization`, others always.
        fully_connected_kernel_size: height and width of fc6's kernel; the default is the paper's 7 for VGG-16 and 3 for
            other backbones. At stride 32 a kernel of 7 covers 224 pixels of the image.
        image_pooling: add global context to fc6's output at every position: the mean of the same features over the
            image, through its own 1×1 convolution. Liu, Rabinovich, Berg, "ParseNet: Looking Wider to See Better",
            2015, section 3.1; as a separate branch, Chen et al., "Rethinking Atrous Convolution for Semantic Image
            Segmentation" (DeepLabv3), 2017, section 3.3.
        dropout: rate after fc6, fc7 and the convolution of `image_pooling`.
        **backbone_options: VGG-16 has `width`, a factor on its channels, and `batch_normalization`; the MobileNets
            have `alpha`, their factor on the channels.

    Returns:
        A network that keeps the contract in `components.networks`.

    Raises:
        ValueError: the backbone or an option is unknown, `image_pooling` is set without fc6 and fc7, or the weights do
            not exist or do not fit.

    Example:
        >>> network = fcn(8, image_size=300, num_classes=21, backbone="mobilenet", alpha=0.25, weights="imagenet")
    """
    check_options(backbone, backbone_options, fcn)
    images = keras.Input(input_shape(image_size), name="image")

    # Features of the padded image at strides 2 to 32, the coarsest through fc6 and fc7.
    trunk = make_backbone(backbone, images, **backbone_options)
    features = dict(trunk.features)
    stride = max(STRIDES)
    default_channels, default_size = (4096, 7) if backbone == "vgg16" else (0, 3)
    channels = default_channels if fully_connected_channels is None else fully_connected_channels
    if image_pooling and not channels:
        raise ValueError("image_pooling needs fc6: set fully_connected_channels above 0")
    if channels:
        normalised = backbone != "vgg16" or backbone_options.get("batch_normalization", False)

        def unit(inputs: Any, size: int, name: str) -> Any:
            outputs = convolution_and_relu(inputs, channels, size, name, normalised)
            return keras.layers.Dropout(dropout, name=f"{name}_dropout")(outputs)

        fc6 = unit(features[stride], fully_connected_kernel_size or default_size, "fc6")
        if image_pooling:
            mean = keras.layers.GlobalAveragePooling2D(keepdims=True, name="image_pool")(features[stride])
            fc6 = keras.layers.Add(name="fuse_image_pool")([fc6, unit(mean, 1, "image_pool_conv")])
        features[stride] = unit(fc6, 1, "fc7")

    # Scores, coarse to fine, fused by addition.
    scores = _score(features[stride], num_classes, stride)
    while stride > output_stride:
        stride //= 2
        upsampled = learned_upsampling(scores, 2, f"upsample_to_stride{stride}", shift=trunk.shift)
        skip = _score(features[stride], num_classes, stride)
        scores = keras.layers.Add(name=f"fuse_stride{stride}")([upsampled, skip])

    # Back to the size of the input; in float32 also under mixed precision.
    scores = BilinearUpsampling(stride, trunk.shift, dtype="float32", name="upsample_to_input")(scores)
    scores = CropToMatch(dtype="float32", name="crop")([scores, images])
    network = keras.Model(images, scores, name=f"fcn{output_stride}")
    attach_backbone(network, trunk, weights=weights, freeze_batch_normalization=freeze_batch_normalization)
    return network


fcn32 = functools.partial(fcn, 32)
"""FCN-32: one score layer, upsampled by 32. Arguments as for `fcn`."""

fcn16 = functools.partial(fcn, 16)
"""FCN-16: strides 32 and 16 fused. Arguments as for `fcn`."""

fcn8 = functools.partial(fcn, 8)
"""FCN-8: strides 32, 16 and 8 fused. Arguments as for `fcn`."""

fcn4 = functools.partial(fcn, 4)
"""FCN-4: strides 32, 16, 8 and 4 fused. Arguments as for `fcn`."""


def _score(features: Any, num_classes: int, stride: int) -> Any:
    return keras.layers.Conv2D(num_classes, 1, kernel_initializer="zeros", name=f"score_stride{stride}")(features)
