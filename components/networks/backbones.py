"""Backbones: classification networks that provide features at strides 2 to 32."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import TYPE_CHECKING, Any

import keras

from components.networks.alignment import PadToMultiple
from components.networks.efficientnet_lite import efficientnet_lite_application, efficientnet_lite_features
from components.networks.names import CONTRACT_ARGUMENTS
from components.networks.vgg16 import vgg16_application, vgg16_features

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STRIDES = (2, 4, 8, 16, 32)


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A backbone on which a network is built.

    Attributes:
        name: its name in `BACKBONES`.
        options: the options it was created with.
        features: stride → features [batch, padded height / stride, padded width / stride, channels].
        blocks: the layers with weights of each of the five blocks; block i ends at `STRIDES[i]`.
        shift: the position of the features' centres after a stride of 2, in pixels (or features) before it: feature i
            is centred at 2 × i + shift. Over several strides, feature i at stride s is centred at pixel
            s × i + shift × (s - 1).
    """

    name: str
    options: Mapping[str, Any]
    features: Mapping[int, Any]
    blocks: tuple[tuple[str, ...], ...]
    shift: float


@dataclasses.dataclass(frozen=True)
class BackboneSpec:
    """How a backbone is created.

    Attributes:
        features: function of padded images, RGB 0 to 255, and the backbone's options → stride → features.
        application: creates the classification network whose weights fit by layer name: a function of
            keras.applications, or one with the same arguments.
        shift: see `Backbone`.
    """

    features: Callable[..., dict[int, Any]]
    application: Callable[..., keras.Model]
    shift: float


def make_backbone(name: str, images: Any, **options: Any) -> Backbone:
    """Creates a backbone on a Keras input.

    Args:
        name: a name in `BACKBONES`.
        images: a `keras.Input` [batch, height, width, 3], RGB 0 to 255, any size; padded to multiples of 32.
        **options: the options of the backbone, see its function below.

    Raises:
        ValueError: the name or an option is unknown; the message lists the known ones.
    """
    check_options(name, options)
    spec = BACKBONES[name]
    padded = PadToMultiple(max(STRIDES), name="pad")(images)
    features = spec.features(padded, **options)
    return Backbone(name, options, features, _blocks(images, features), spec.shift)


def check_options(name: str, options: Mapping[str, Any], network: Callable[..., keras.Model] | None = None) -> None:
    """Checks that a backbone exists and has the given options.

    Args:
        name: the name of the backbone.
        options: the options for the backbone.
        network: the function of the network on the backbone; error messages then list its options too.

    Raises:
        ValueError: the name or an option is unknown; the message lists the known ones.
    """
    if name not in BACKBONES:
        raise ValueError(f"unknown backbone {name!r}; known are {', '.join(BACKBONES)}")
    known = option_names(BACKBONES[name].features)
    unknown = [option for option in options if option not in known]
    if unknown:
        allowed = [*(option_names(network) if network else ()), *known]
        raise ValueError(
            f"unknown option {unknown[0]!r}; with the backbone {name!r} its options are "
            f"{', '.join(dict.fromkeys(allowed)) or 'none'}"
        )


def option_names(function: Callable[..., Any]) -> list[str]:
    """Lists the options of a function: its keyword-only arguments, without those of the contract."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in CONTRACT_ARGUMENTS]


def _blocks(images: Any, features: Mapping[int, Any]) -> tuple[tuple[str, ...], ...]:
    """Lists, per stride, the layers with weights that its features need and that no finer features need."""
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

    The four finest features are taken inside the block that halves the size next, after its expansion: they have passed
    ReLU6 and have six times as many channels as the linear bottleneck before them.
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

    The stacks of keras.applications halve the size in their last unit, so the features are taken at the start of that
    unit, after its normalisation and ReLU.
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
    """Tan, Le, "EfficientNetV2: Smaller Models and Faster Training", ICML 2021; includes its own preprocessing."""
    application = keras.applications.EfficientNetV2B0(include_top=False, weights=None, input_tensor=images)
    return _outputs(
        application, "block1a_project_activation", "block2b_add", "block3b_add", "block5e_add", "top_activation"
    )


def _outputs(application: keras.Model, *names: str) -> dict[int, Any]:
    return {stride: application.get_layer(name).output for stride, name in zip(STRIDES, names, strict=True)}


# The shifts hold for sizes that are multiples of 32. VGG's 2×2 pooling covers pixels 2i and 2i + 1, centre 2i + 1/2.
# TensorFlow's "same" padding of a 3×3 convolution with stride 2 (the MobileNets pad explicitly in the same way) adds
# one pixel only at the end: the convolution covers 2i to 2i + 2, centre 2i + 1. One of 5×5 covers 2i - 1 to 2i + 3,
# with the same centre. ResNet50V2 pads both ends, centre 2i.
BACKBONES: dict[str, BackboneSpec] = {
    "vgg16": BackboneSpec(vgg16_features, vgg16_application, shift=0.5),
    "mobilenet": BackboneSpec(_mobilenet, keras.applications.MobileNet, shift=1.0),
    "mobilenet_v2": BackboneSpec(_mobilenet_v2, keras.applications.MobileNetV2, shift=1.0),
    "resnet50_v2": BackboneSpec(_resnet50_v2, keras.applications.ResNet50V2, shift=0.0),
    "efficientnet_v2_b0": BackboneSpec(_efficientnet_v2_b0, keras.applications.EfficientNetV2B0, shift=1.0),
    **{
        f"efficientnet_lite{variant}": BackboneSpec(
            functools.partial(efficientnet_lite_features, variant),
            functools.partial(efficientnet_lite_application, variant),
            shift=1.0,
        )
        for variant in range(3)
    },
}
"""Name → backbone; its options are the keyword-only arguments of `features`."""
