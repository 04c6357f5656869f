"""The networks known by name: light to import, so that a configuration is checked before Keras is loaded."""

from __future__ import annotations

_PACKAGE = "components.networks"

CONTRACT_ARGUMENTS = ("image_size", "num_classes")
"""What every network's function is called with; the rest of its arguments are its options."""

NETWORKS: dict[str, str] = {
    "fcn32": f"{_PACKAGE}.fcn:fcn32",
    "fcn16": f"{_PACKAGE}.fcn:fcn16",
    "fcn8": f"{_PACKAGE}.fcn:fcn8",
    "fcn4": f"{_PACKAGE}.fcn:fcn4",
    "unet": f"{_PACKAGE}.unet:unet",
}
"""Name → `module:function`."""


def network_path(name: str) -> str:
    """Resolves a network's name to its `module:function`.

    Args:
        name: a name in `NETWORKS`, or a `module:function` of one's own.

    Raises:
        ValueError: neither; the message lists the known names.
    """
    path = NETWORKS.get(name, name)
    module, colon, function = path.partition(":")
    if not (module and colon and function):
        raise ValueError(f"unknown network {name!r}; known are {', '.join(NETWORKS)}, or your own as module:function")
    return path
