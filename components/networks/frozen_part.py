"""Splits a network into the part that a training does not change and the rest, the head."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import keras

from components.networks.alignment import CropToMatch

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclasses.dataclass(frozen=True)
class SplitNetwork:
    """The two parts of a network; their layers are those of the network.

    Attributes:
        frozen: images [batch, height, width, 3] → a list of features, float [batch, height, width, channels] each.
        head: [images, *features] → the network's scores. Of the images it reads only the size.
    """

    frozen: keras.Model
    head: keras.Model


def split_network(network: keras.Model) -> SplitNetwork:
    """Splits a network at the last features that no training step changes.

    A frozen layer without random numbers, after such layers only, belongs to the frozen part. Layers that act on each
    position alone, such as the 1×1 convolution that expands a linear bottleneck, stay in the head if the features
    before them are smaller: they are quickly computed again, and the smaller features are quickly read.

    Args:
        network: functional, each layer used once, with its frozen layers already set to `trainable = False`.

    Raises:
        ValueError: no features are fixed, the network is not functional, or its trained layers read the images.
    """
    if not isinstance(network, keras.Model) or not hasattr(network, "operations"):
        raise ValueError("the network is not a functional Keras model")
    images = network.inputs[0]
    crossing = {id(tensor): tensor for tensor in _crossing_tensors(network)}
    if crossing.pop(id(images), None) is not None and not all(
        isinstance(operation, CropToMatch) or _is_fixed(operation)
        for operation in network.operations
        if any(tensor is images for tensor in _inputs(operation))
    ):
        raise ValueError("trained layers of the network read the images themselves")
    producers = {id(tensor): operation for operation in network.operations for tensor in _outputs(operation)}
    chains = [list(_back_through_cheap_layers(tensor, producers)) for tensor in crossing.values()]
    # Features that the head computes from other stored features are not stored.
    chains = [chain for chain in chains if not any(id(tensor) in crossing for tensor in chain[1:])]
    stored = [min(chain, key=lambda tensor: math.prod(tensor.shape[1:])) for chain in chains]
    frozen = keras.Model(images, stored) if stored else None
    if frozen is None or not frozen.weights:
        raise ValueError("no layer of the network is frozen, so there are no features to cache")
    return SplitNetwork(frozen, keras.Model([images, *stored], network.outputs[0]))


def _crossing_tensors(network: keras.Model) -> Iterator[Any]:
    """Yields the tensors that do not change during training and that an operation which does change reads."""
    fixed = {id(tensor) for tensor in network.inputs}
    found: set[int] = set()
    for operation in network.operations:  # sorted: inputs are computed before they are used
        inputs = _inputs(operation)
        if all(id(tensor) in fixed for tensor in inputs) and _is_fixed(operation):
            fixed |= {id(tensor) for tensor in _outputs(operation)}
            continue
        for tensor in inputs:
            if id(tensor) in fixed and id(tensor) not in found:
                found.add(id(tensor))
                yield tensor


def _is_fixed(operation: Any) -> bool:
    """Returns whether an operation maps the same inputs to the same outputs in every step of a training."""
    if not isinstance(operation, keras.layers.Layer):
        return True
    random = any("seed_generator" in variable.path for variable in operation.variables)
    return not random and not operation.trainable_variables and not (operation.trainable and operation.variables)


def _back_through_cheap_layers(tensor: Any, producers: dict[int, Any]) -> Iterator[Any]:
    """Yields a tensor and the tensors before it from which it is quickly computed."""
    yield tensor
    while (operation := producers.get(id(tensor))) is not None and _is_cheap(operation):
        (tensor,) = _inputs(operation)
        yield tensor


def _is_cheap(operation: Any) -> bool:
    if isinstance(operation, keras.layers.InputLayer) or len(_inputs(operation)) != 1:
        return False
    if isinstance(operation, keras.layers.Conv2D):
        return bool(set(operation.kernel_size) == set(operation.strides) == {1})
    return isinstance(operation, keras.layers.BatchNormalization) or not getattr(operation, "weights", ())


def _inputs(operation: Any) -> list[Any]:
    inputs: list[Any] = keras.tree.flatten(operation.input)
    return [] if isinstance(operation, keras.layers.InputLayer) else inputs


def _outputs(operation: Any) -> list[Any]:
    outputs: list[Any] = keras.tree.flatten(operation.output)
    return outputs
