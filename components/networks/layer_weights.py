"""Weights of single layers in HDF5, matched by the names of the layers, across different networks.

The file has the layout of Keras 2's `save_weights`, in which the weights of keras.applications and of the known ports
of SSD300 are published: one group per layer, which lists the names of its arrays.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import keras

LayerWeights = Mapping[str, Sequence[NDArray[Any]]]
"""Layer name → its arrays, in Keras' order."""

_LAYER_NAMES, _WEIGHT_NAMES = "layer_names", "weight_names"


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """The outcome of loading weights by layer name.

    Attributes:
        matched: the network's layers that received weights.
        other_shape: the network's layers that have another shape in the file → the two shapes as text.
        missing: the network's layers that are not in the file; they are unchanged.
        unused: the file's layers that are not in the network.
    """

    matched: tuple[str, ...]
    other_shape: Mapping[str, str]
    missing: tuple[str, ...]
    unused: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Returns the report as JSON values."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        """Returns the report as text, one line per attribute."""
        shapes = [f"{name} ({shapes})" for name, shapes in self.other_shape.items()]
        lines = {
            "loaded": self.matched,
            "not loaded, other shape": shapes,
            "not in the file": self.missing,
            "only in the file": self.unused,
        }
        return "\n".join(f"{kind}: {', '.join(names) or 'none'}" for kind, names in lines.items())


def write_layer_weights(network: keras.Model, file: Path) -> None:
    """Writes the weights of all layers of a network."""
    layers = [layer for layer in network.layers if layer.weights]
    with h5py.File(file, "w") as h5:
        h5.attrs[_LAYER_NAMES] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = h5.create_group(layer.name)
            names = [f"{layer.name}/{variable.name}:0" for variable in layer.weights]
            group.attrs[_WEIGHT_NAMES] = [name.encode() for name in names]
            for name, values in zip(names, layer.get_weights(), strict=True):
                group.create_dataset(name, data=values)


def read_layer_weights(file: str | Path) -> dict[str, list[NDArray[Any]]]:
    """Reads a file with weights, or with a whole model, in the layout of Keras 2.

    Returns:
        Layer name → its arrays; layers without weights are omitted.

    Raises:
        ValueError: the file does not exist or has another layout.
    """
    try:
        with h5py.File(file, "r") as h5:
            root = h5.get("model_weights", h5)
            names = [name for name in root if _WEIGHT_NAMES in root[name].attrs]
            weights = {name: [root[name][_text(key)][()] for key in root[name].attrs[_WEIGHT_NAMES]] for name in names}
    except (OSError, KeyError) as error:
        raise ValueError(f"the weights file {file} cannot be read as HDF5: {error}") from error
    weights = {name: arrays for name, arrays in weights.items() if arrays}
    if not weights:
        raise ValueError(
            f"the weights file {file} holds no weights by layer name: save them in the layout of Keras 2, like the .h5 "
            "files of keras.applications"
        )
    return weights


def load_by_name(network: keras.Model, weights: LayerWeights, layers: Iterable[str] | None = None) -> LoadReport:
    """Loads weights into the layers with the same names; layers of another shape are skipped.

    Layers of VGG-16 are also found under their names in Caffe: `conv4_3` for `block4_conv3`.

    Args:
        network: the network whose layers receive weights.
        weights: see `read_layer_weights`.
        layers: the names of the layers to load; by default all layers with weights.
    """
    wanted = list(layers) if layers is not None else [layer.name for layer in network.layers if layer.weights]
    matched, other_shape, missing, used = [], {}, [], set()
    for name in wanted:
        source = next((known for known in (name, _caffe_name(name)) if known in weights), None)
        if source is None:
            missing.append(name)
            continue
        used.add(source)
        layer = network.get_layer(name)
        own, given = ([np.shape(array) for array in arrays] for arrays in (layer.get_weights(), weights[source]))
        if own == given:
            layer.set_weights(list(weights[source]))
            matched.append(name)
        else:
            other_shape[name] = f"{_shapes(own)} here, {_shapes(given)} in the file"
    return LoadReport(tuple(matched), other_shape, tuple(missing), tuple(name for name in weights if name not in used))


def _caffe_name(name: str) -> str:
    return re.sub(r"^block(\d)_conv(\d)$", r"conv\1_\2", name)


def _shapes(shapes: Sequence[tuple[int, ...]]) -> str:
    return " and ".join("×".join(map(str, shape)) for shape in shapes)


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
