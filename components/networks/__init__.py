"""Segmentation networks, all made by `create_network`.

The contract of a network: input float32 [batch, size, size, 3], RGB values 0 to 255, any preprocessing inside;
output float32 [batch, size, size, classes], linear scores (logits) aligned with the input; float32 under a global
dtype policy of mixed precision too. It can be saved, loaded and exported. A network with a pretrained backbone may
say so in an attribute `backbone_blocks`, see `backbone_blocks`. `network_contract.check_network` tests all this.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import keras

from components.networks.names import CONTRACT_ARGUMENTS, network_path


def create_network(name: str, *, image_size: int, num_classes: int, **options: Any) -> keras.Model:
    """Makes a network by name.

    Args:
        name: a name in `network_names.NETWORKS`, or a `module:function` of one's own that takes the arguments below.
        image_size: height and width of the input, pixels.
        num_classes: the number of output channels, background included.
        **options: the network's own options, e.g. `width`.

    Raises:
        ValueError: an unknown name, a module or function that can't be found, options that the network refuses, or
            scores that do not keep the contract.
    """
    module_name, _, function_name = network_path(name).partition(":")
    try:
        build = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"network {name!r} can't be imported: {error}") from error
    arguments = {"image_size": image_size, "num_classes": num_classes, **options}
    try:
        inspect.signature(build).bind(**arguments)
    except TypeError as error:
        allowed = [option for option in inspect.signature(build).parameters if option not in CONTRACT_ARGUMENTS]
        raise ValueError(f"network {name!r}: {error}; its options are {', '.join(allowed) or 'none'}") from error
    try:
        network = build(**arguments)
    except ValueError as error:
        raise ValueError(f"network {name!r} can't be made: {error}") from error
    except Exception as error:
        raise ValueError(f"network {name!r} can't be made: {type(error).__name__}: {error}") from error
    expected = (None, image_size, image_size, num_classes)
    if tuple(network.output_shape) != expected:
        raise ValueError(f"network {name!r} gives scores of shape {network.output_shape} instead of {expected}")
    return network


def backbone_blocks(network: keras.Model) -> tuple[tuple[str, ...], ...]:
    """Lists the layers of a network's backbone by block, from the image on.

    A trainer freezes the first blocks, or trains all of them at a learning rate of their own. A network of one's own
    takes part by setting the attribute: `network.backbone_blocks = (("conv1", "conv2"), ("conv3",))`. Keras does not
    save it: a network made by `load_model` has none.

    Returns:
        For each block the names of its layers with weights; `()` for a network without a backbone.
    """
    return tuple(tuple(block) for block in getattr(network, "backbone_blocks", ()))
