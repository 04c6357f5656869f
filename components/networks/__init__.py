"""Segmentation networks and the function that creates them, `create_network`.

The contract of a network: the input is float32 [batch, height, width, 3], RGB values from 0 to 255; any preprocessing
is part of the network. The output is float32 [batch, height, width, classes]: linear scores (logits), aligned with the
input, and float32 also under a global dtype policy of mixed precision. A network can be saved, loaded and exported. A
network with a pretrained backbone can list the backbone's layers in an attribute, see `backbone_blocks`.
`components.networks.contract.check_network` tests all of this.

This file does not import Keras, so that a configuration can read `components.networks.names` quickly.
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from components.networks.names import CONTRACT_ARGUMENTS, network_path
from tfds_voc_seg.image_size import sides_of

if TYPE_CHECKING:
    import keras

    from tfds_voc_seg.image_size import ImageSize


def create_network(name: str, *, image_size: ImageSize | None, num_classes: int, **options: Any) -> keras.Model:
    """Creates a network by name.

    Args:
        name: a name in `names.NETWORKS`, or the `module:function` of your own network. The function takes the
            arguments below.
        image_size: the side of a square, or height and width of the input, pixels; `None` for any size, where the
            network supports it.
        num_classes: the number of output channels, background included.
        **options: the network's own options, e.g. `width`.

    Raises:
        ValueError: the name is unknown, the module or function cannot be imported, the network rejects the options, or
            the scores have another shape than the contract requires.
    """
    module_name, _, function_name = network_path(name).partition(":")
    try:
        build = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"network {name!r} cannot be imported: {error}") from error
    arguments = {"image_size": image_size, "num_classes": num_classes, **options}
    try:
        inspect.signature(build).bind(**arguments)
    except TypeError as error:
        allowed = [option for option in inspect.signature(build).parameters if option not in CONTRACT_ARGUMENTS]
        raise ValueError(f"network {name!r}: {error}; its options are {', '.join(allowed) or 'none'}") from error
    try:
        network = build(**arguments)
    except Exception as error:
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        if isinstance(image_size, tuple):
            reason += f" (its image_size is [height, width], {list(image_size)}: see components.networks.input_shape)"
        raise ValueError(f"network {name!r} cannot be created: {reason}") from error
    expected = (None, *input_shape(image_size)[:2], num_classes)
    if tuple(network.output_shape) != expected:
        raise ValueError(f"network {name!r} returns scores of shape {network.output_shape}, expected {expected}")
    return network


def input_shape(image_size: ImageSize | None) -> tuple[int | None, int | None, int]:
    """Returns height, width and channels of a network's input, for `keras.Input`; any size has unknown sides."""
    return (None, None, 3) if image_size is None else (*sides_of(image_size), 3)


def backbone_blocks(network: keras.Model) -> tuple[tuple[str, ...], ...]:
    """Lists the layers of a network's backbone, one tuple per block, from the input to the output.

    A trainer can freeze the first blocks, or train the whole backbone at its own learning rate. Your own network
    supports this if it sets the attribute: `network.backbone_blocks = (("conv1", "conv2"), ("conv3",))`. Keras does not
    save the attribute: a network from `load_model` has none.

    Returns:
        The names of the layers with weights, per block; `()` for a network without a backbone.
    """
    return tuple(tuple(block) for block in getattr(network, "backbone_blocks", ()))
