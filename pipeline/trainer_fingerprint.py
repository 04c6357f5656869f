"""Hashes everything that one candidate's training depends on beside its records and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.networks.names import network_path
from pipeline.code_fingerprint import code_fingerprint
from pipeline.weights_fingerprint import weights_fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping


def trainer_fingerprint(network: str, options: Mapping[str, object]) -> str:
    """Hashes the code of the training and of a network, and the content of the weights that its options name.

    A change of another network does not change the hash.

    Args:
        network: name of a network of this project, or `module:function` of your own network.
        options: the network's options.

    Raises:
        ModuleNotFoundError: the network's module has no source file, or cannot be found.
    """
    path = network_path(network)
    fingerprint = code_fingerprint("components.segmentation_trainer.executor", path.partition(":")[0])
    return f"{path}@{fingerprint}{weights_fingerprint(options.get('weights'))}"
