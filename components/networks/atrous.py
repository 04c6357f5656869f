"""A backbone with a finer output stride: strides become 1, and the convolutions after them are dilated.

Source: Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation" (DeepLabv3), 2017, section 3.1.
The shapes of all kernels stay the same, so the same weights fit.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import keras

from components.networks.backbones import STRIDES, Backbone

OUTPUT_STRIDES = (8, 16, 32)

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


def with_output_stride(backbone: Backbone, images: Any, output_stride: int) -> Backbone:
    """Creates the same backbone on the same images, with features that are not coarser than the output stride.

    A layer that would exceed the output stride keeps the size, and the kernels after it are dilated, so that they see
    the same positions as before. A pooling of 2×2 that keeps the size becomes one of 3×3, which is centred.

    Args:
        backbone: result of `backbones.make_backbone`.
        images: the `keras.Input` on which it was created.
        output_stride: 8, 16 or 32.

    Returns:
        A backbone with the same layer names; its `features` at coarser strides have the size of the output stride.

    Raises:
        ValueError: the output stride has another value.
    """
    if output_stride not in OUTPUT_STRIDES:
        raise ValueError(f"output_stride must be one of {', '.join(map(str, OUTPUT_STRIDES))}, not {output_stride}")
    if output_stride == max(STRIDES):
        return backbone
    whole = keras.Model(images, [backbone.features[stride] for stride in STRIDES])
    strides = _strides_of_inputs(whole)

    def clone(layer: Any) -> Any:
        rate = strides.get(layer.name, 1) // output_stride
        return type(layer).from_config(_dilated(layer, layer.get_config(), rate))

    dilated = keras.models.clone_model(whole, input_tensors=images, clone_function=clone)
    return dataclasses.replace(backbone, features=dict(zip(STRIDES, dilated.outputs, strict=True)))


def _dilated(layer: Any, config: dict[str, Any], rate: int) -> dict[str, Any]:
    """Changes the configuration of a layer whose input has `rate` times the output stride; not if `rate` is 0."""
    if rate == 0:
        return config
    if isinstance(layer, keras.layers.ZeroPadding2D):
        return {**config, "padding": 0}  # the convolution after it then pads
    if isinstance(layer, keras.layers.MaxPooling2D):
        centred = tuple(size + 1 - size % 2 for size in layer.pool_size)
        return {**config, "strides": 1, "padding": "same", "pool_size": centred}
    if isinstance(layer, _CONVOLUTIONS):
        return {**config, "strides": 1, "padding": "same", "dilation_rate": rate if max(layer.kernel_size) > 1 else 1}
    return config


def _strides_of_inputs(network: keras.Model) -> dict[str, int]:
    """Computes the stride of each layer's input in pixels of the image, by the layer's name."""
    of_tensors: dict[int, int] = {}  # by identity: Keras' symbolic tensors cannot be compared
    of_inputs: dict[str, int] = {}
    for operation in network.operations:  # sorted: inputs are computed before they are used
        inputs, outputs = keras.tree.flatten(operation.input), keras.tree.flatten(operation.output)
        stride = max((of_tensors.get(id(tensor), 1) for tensor in inputs), default=1)
        own = getattr(operation, "strides", 1)
        of_inputs[operation.name] = stride
        of_tensors |= {id(tensor): stride * (max(own) if isinstance(own, tuple | list) else own) for tensor in outputs}
    return of_inputs
