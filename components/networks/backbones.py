"""Backbones: networks made for classification, as sources of features at strides 2 to 32."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras

from components.networks.alignment import PadToMultiple
from components.networks.names import CONTRACT_ARGUMENTS
from components.networks.vgg16 import vgg16_application, vgg16_features

STRIDES = (2, 4, 8, 16, 32)


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A backbone as a network is built on it.

    Attributes:
        name: its name in `BACKBONES`.
        options: the options it was made with.
        features: stride → features [batch, padded height / stride, padded width / stride, channels].
        blocks: the layers with weights of each of the five blocks; block i ends at `STRIDES[i]`.
        shift: where a stride of 2 puts its features, in pixels (or features) before it: feature i is centred at
            2 × i + shift. Over several of them, feature i at stride s is centred at pixel s × i + shift × (s - 1).
    """

    name: str
    options: Mapping[str, Any]
    features: Mapping[int, Any]
    blocks: tuple[tuple[str, ...], ...]
    shift: float


@dataclasses.dataclass(frozen=True)
class Architecture:
    """How a backbone is made.

    Attributes:
        features: padded images, RGB 0 to 255, and the backbone's options → features by stride.
        application: keras.applications' model whose weights fit by layer name.
        shift: as in `Backbone`.
    """

    features: Callable[..., dict[int, Any]]
    application: Callable[..., keras.Model]
    shift: float


def make_backbone(name: str, images: Any, **options: Any) -> Backbone:
    """Makes a backbone over images.

    Args:
        name: a name in `BACKBONES`.
        images: a `keras.Input` [batch, height, width, 3], RGB 0 to 255, of any size; padded here to multiples of 32.
        **options: of the backbone, see its function below.

    Raises:
        ValueError: an unknown name or an unknown option; the message lists the known ones.
    """
    check_options(name, options)
    architecture = BACKBONES[name]
    padded = PadToMultiple(max(STRIDES), name="pad")(images)
    features = architecture.features(padded, **options)
    return Backbone(name, options, features, _blocks(images, features), architecture.shift)


def check_options(name: str, options: Mapping[str, Any], network: Callable[..., keras.Model] | None = None) -> None:
    """Refuses an unknown backbone, and options that neither it nor the network on it has.

    Args:
        name: of the backbone.
        options: meant for the backbone.
        network: the network's function; its options are listed too.

    Raises:
        ValueError: the message lists the known names or options.
    """
    if name not in BACKBONES:
        raise ValueError(f"unknown backbone {name!r}; known are {', '.join(BACKBONES)}")
    known = keyword_arguments(BACKBONES[name].features)
    unknown = [option for option in options if option not in known]
    if unknown:
        allowed = [*(keyword_arguments(network) if network else ()), *known]
        raise ValueError(
            f"unknown option {unknown[0]!r}; over the backbone {name!r} its options are "
            f"{', '.join(dict.fromkeys(allowed)) or 'none'}"
        )


def keyword_arguments(function: Callable[..., Any]) -> list[str]:
    """Lists the names of a function's keyword-only arguments that are options, so not those of the contract."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in CONTRACT_ARGUMENTS]


def _blocks(images: Any, features: Mapping[int, Any]) -> tuple[tuple[str, ...], ...]:
    """Gives each stride the layers that its features need and that no finer features need."""
    blocks: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for stride in STRIDES:
        needed = [layer.name for layer in keras.Model(images, features[stride]).layers if layer.weights]
        blocks.append(tuple(name for name in needed if name not in seen))
        seen.update(needed)
    return tuple(blocks)


def _mobilenet(images: Any, *, alpha: float = 1.0) -> dict[int, Any]:
    """Howard et al., "MobileNets", arXiv:1704.04861, 2017; `alpha` is the factor on the channels."""
    images = keras.layers.Rescaling(1 / 127.5, offset=-1, name="unit_range")(images)
    application = keras.applications.MobileNet(include_top=False, weights=None, input_tensor=images, alpha=alpha)
    return _outputs(
        application, "conv_pw_1_relu", "conv_pw_3_relu", "conv_pw_5_relu", "conv_pw_11_relu", "conv_pw_13_relu"
    )


def _mobilenet_v2(images: Any, *, alpha: float = 1.0) -> dict[int, Any]:
    """Sandler et al., "MobileNetV2", CVPR 2018; `alpha` is the factor on the channels.

    The finest four are the expansions inside the block that halves the size next: ReLU6, and six times as wide as
    the linear bottleneck before them.
    """
    images = keras.layers.Rescaling(1 / 127.5, offset=-1, name="unit_range")(images)
    application = keras.applications.MobileNetV2(include_top=False, weights=None, input_tensor=images, alpha=alpha)
    return _outputs(
        application,
        "block_1_expand_relu",
        "block_3_expand_relu",
        "block_6_expand_relu",
        "block_13_expand_relu",
        "out_relu",
    )


def _resnet50_v2(images: Any) -> dict[int, Any]:
    """He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016.

    keras.applications' stacks halve the size in their last unit, so features are taken before it, after the
    normalisation and ReLU with which the unit begins.
    """
    images = keras.layers.Rescaling(1 / 127.5, offset=-1, name="unit_range")(images)
    application = keras.applications.ResNet50V2(include_top=False, weights=None, input_tensor=images)
    return _outputs(
        application,
        "conv1_conv",
        "conv2_block3_preact_relu",
        "conv3_block4_preact_relu",
        "conv4_block6_preact_relu",
        "post_relu",
    )


def _efficientnet_v2_b0(images: Any) -> dict[int, Any]:
    """Tan, Le, "EfficientNetV2: Smaller Models and Faster Training", ICML 2021; preprocesses by itself."""
    application = keras.applications.EfficientNetV2B0(include_top=False, weights=None, input_tensor=images)
    return _outputs(
        application, "block1a_project_activation", "block2b_add", "block3b_add", "block5e_add", "top_activation"
    )


def _outputs(application: keras.Model, *names: str) -> dict[int, Any]:
    return {stride: application.get_layer(name).output for stride, name in zip(STRIDES, names, strict=True)}


# The shifts, for sides that divide by 32 without remainder. VGG's 2×2 pooling covers pixels 2i and 2i + 1, centre
# 2i + 1/2. TensorFlow's "same" padding of a 3×3 convolution of stride 2 (the MobileNets pad so by hand) adds one pixel
# at the end alone: it covers 2i to 2i + 2, centre 2i + 1. ResNet50V2 pads both ends alike, centre 2i.
BACKBONES: dict[str, Architecture] = {
    "vgg16": Architecture(vgg16_features, vgg16_application, shift=0.5),
    "mobilenet": Architecture(_mobilenet, keras.applications.MobileNet, shift=1.0),
    "mobilenet_v2": Architecture(_mobilenet_v2, keras.applications.MobileNetV2, shift=1.0),
    "resnet50_v2": Architecture(_resnet50_v2, keras.applications.ResNet50V2, shift=0.0),
    "efficientnet_v2_b0": Architecture(_efficientnet_v2_b0, keras.applications.EfficientNetV2B0, shift=1.0),
}
"""Name → how it is made; its options are the keyword-only arguments of `features`."""
