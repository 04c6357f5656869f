"""Weights of single layers in HDF5, found by the layers' names: whatever network they come from.

The file's layout is that of Keras 2's `save_weights`, in which keras.applications' weights and those of the known ports
of SSD300 are published: a group a layer, which lists the names of its arrays.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

LayerWeights = Mapping[str, Sequence[np.ndarray]]
"""Layer → its arrays, in Keras' order."""

_LAYER_NAMES, _WEIGHT_NAMES = "layer_names", "weight_names"


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """What became of each layer when weights were loaded by name.

    Attributes:
        matched: the network's layers that got weights.
        other_shape: the network's layers that the file has in another shape → which shapes, for people.
        missing: the network's layers that the file does not have; they stay as they were.
        unused: the file's layers that the network does not have.
    """

    matched: tuple[str, ...]
    other_shape: Mapping[str, str]
    missing: tuple[str, ...]
    unused: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        """The report for people, a line a kind."""
        shapes = [f"{name} ({shapes})" for name, shapes in self.other_shape.items()]
        lines = {
            "loaded": self.matched,
            "not loaded, of another shape": shapes,
            "not in the file": self.missing,
            "in the file alone": self.unused,
        }
        return "\n".join(f"{kind}: {', '.join(names) or 'none'}" for kind, names in lines.items())


def write_layer_weights(network: keras.Model, file: Path) -> None:
    """Writes the weights of all of a network's layers that have any."""
    layers = [layer for layer in network.layers if layer.weights]
    with h5py.File(file, "w") as h5:
        h5.attrs[_LAYER_NAMES] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = h5.create_group(layer.name)
            names = [f"{layer.name}/{variable.name}:0" for variable in layer.weights]
            group.attrs[_WEIGHT_NAMES] = [name.encode() for name in names]
            for name, values in zip(names, layer.get_weights(), strict=True):
                group.create_dataset(name, data=values)


def read_layer_weights(file: str | Path) -> dict[str, list[np.ndarray]]:
    """Reads a file of weights, or of a whole model, in Keras 2's layout.

    Returns:
        Layer → its arrays; layers without weights are left out.

    Raises:
        ValueError: the file is not there, or of no such layout.
    """
    try:
        with h5py.File(file, "r") as h5:
            root = h5.get("model_weights", h5)
            names = [name for name in root if _WEIGHT_NAMES in root[name].attrs]
            weights = {name: [root[name][_text(key)][()] for key in root[name].attrs[_WEIGHT_NAMES]] for name in names}
    except (OSError, KeyError) as error:
        raise ValueError(f"the weights file {file} can't be read as HDF5: {error}") from error
    weights = {name: arrays for name, arrays in weights.items() if arrays}
    if not weights:
        raise ValueError(
            f"the weights file {file} holds no weights by layer name: save them in the layout of Keras 2, as the .h5 "
            "files of keras.applications are"
        )
    return weights


def load_by_name(network: keras.Model, weights: LayerWeights, layers: Iterable[str] | None = None) -> LoadReport:
    """Gives layers the weights that are there under their names; an array of another shape is left alone.

    A layer of VGG-16 is also looked for by Caffe's name for it: `conv4_3` for `block4_conv3`.

    Args:
        network: whose layers are to get weights.
        weights: as from `read_layer_weights`.
        layers: the names of the layers; by default all that have weights.
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
