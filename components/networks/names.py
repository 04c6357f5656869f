"""The names of the networks. Imports nothing, so that a configuration is checked before Keras is loaded.

The table is a module of its own because a new name must not invalidate the cache of a trained network:
`pipeline.code_fingerprint` ignores this file.
"""

from __future__ import annotations

_PACKAGE = "components.networks"

CONTRACT_ARGUMENTS = ("image_size", "num_classes")
"""The arguments that every network's function receives; all its other arguments are its options."""

IMAGENET = "imagenet"
"""The value of the option `weights` for the published ImageNet weights."""

NETWORKS: dict[str, str] = {
    "fcn32": f"{_PACKAGE}.fcn:fcn32",
    "fcn16": f"{_PACKAGE}.fcn:fcn16",
    "fcn8": f"{_PACKAGE}.fcn:fcn8",
    "fcn4": f"{_PACKAGE}.fcn:fcn4",
    "unet": f"{_PACKAGE}.unet:unet",
    "deeplab_v3_plus": f"{_PACKAGE}.deeplab:deeplab_v3_plus",
}
"""Name → `module:function`."""


def network_path(name: str) -> str:
    """Resolves a network's name to its `module:function`.

    Args:
        name: a name in `NETWORKS`, or the `module:function` of your own network.

    Raises:
        ValueError: the name is neither; the message lists the known names.
    """
    path = NETWORKS.get(name, name)
    module, colon, function = path.partition(":")
    if not (module and colon and function):
        raise ValueError(f"unknown network {name!r}; known are {', '.join(NETWORKS)}, or your own as module:function")
    return path
