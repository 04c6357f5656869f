"""Published or own weights for the backbone inside a network."""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import keras
from etils import epath

from components.networks.backbones import BACKBONES, Backbone

IMAGENET = "imagenet"
IMAGENET_SHAPE = (224, 224, 3)

FULLY_CONNECTED = {"fc6": "fc1", "fc7": "fc2"}
"""Our names for the convolutions → keras.applications' names of VGG-16's fully connected layers."""


def attach_backbone(
    network: keras.Model, backbone: Backbone, *, weights: str | None, freeze_batch_normalization: bool
) -> None:
    """Tells a network its backbone's blocks, gives them their weights and freezes their normalisation if asked.

    Args:
        network: built on the backbone.
        backbone: the backbone.
        weights: `None` leaves them random; `imagenet` takes those that keras.applications downloads; or an `.h5` or
            `.weights.h5` file of keras.applications' model, with or without its top, here or at a URI.
        freeze_batch_normalization: keep the backbone's normalisation layers as they are, on their stored statistics.

    Raises:
        ValueError: the weights are not there or do not fit.
    """
    network.backbone_blocks = backbone.blocks
    layers = [network.get_layer(name) for block in backbone.blocks for name in block]
    if weights is not None:
        with_fully_connected = _takes_fully_connected(network)
        application = _load_application(backbone, str(weights), top_first=with_fully_connected)
        for layer in layers:
            layer.set_weights(application.get_layer(layer.name).get_weights())
        if with_fully_connected:
            _load_fully_connected(network, application)
    if freeze_batch_normalization:
        for layer in layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False


def _load_application(backbone: Backbone, weights: str, top_first: bool) -> keras.Model:
    """Makes keras.applications' model with its weights; a file may be of the model with its top or without."""
    with _local(weights) as file:
        refusals = {}
        for include_top in (top_first,) if weights == IMAGENET else (top_first, not top_first):
            try:
                with warnings.catch_warnings():
                    # Keras warns of each layer that a file lacks before it refuses the file
                    warnings.filterwarnings("ignore", message="Skipping nested container")
                    return BACKBONES[backbone.name].application(
                        include_top=include_top, weights=file, input_shape=IMAGENET_SHAPE, **backbone.options
                    )
            except (ValueError, KeyError, OSError) as error:
                refusals[include_top] = error
            except Exception as error:
                # keras.utils.get_file raises nothing more special for a failed download
                raise ValueError(
                    f"the ImageNet weights of the backbone {backbone.name!r} can't be downloaded ({error}): give a "
                    "local file, `weights: PATH`"
                ) from error
    refusal = refusals.get(False, refusals[top_first])
    reason = (str(refusal).splitlines() or [""])[0]
    raise ValueError(f"the weights {weights!r} do not fit the backbone {backbone.name!r}: {reason}") from refusal


@contextlib.contextmanager
def _local(weights: str) -> Iterator[str]:
    """Gives the path of a file on this machine, or `imagenet` as it is."""
    if weights == IMAGENET:
        yield weights
        return
    file = epath.Path(weights).expanduser()
    if not file.is_file():
        raise ValueError(
            f"the weights file {weights} is not there: give `imagenet`, or an .h5 or .weights.h5 file of "
            "keras.applications"
        )
    if "://" not in weights:
        yield str(file)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield str(file.copy(Path(folder) / file.name))


def _takes_fully_connected(network: keras.Model) -> bool:
    """Whether fc6 and fc7 are VGG-16's own: the convolutions of Long et al. 2015, section 3.1."""
    kernels = [layer.kernel.shape for layer in network.layers if layer.name in FULLY_CONNECTED]
    return kernels == [(7, 7, 512, 4096), (1, 1, 4096, 4096)]


def _load_fully_connected(network: keras.Model, application: keras.Model) -> None:
    """Reshapes fully connected layers to convolutions, if the file had them: rows, columns, channels, outputs."""
    sources = {layer.name: layer for layer in application.layers}
    for name, source in FULLY_CONNECTED.items():
        if source in sources:
            layer = network.get_layer(name)
            kernel, bias = sources[source].get_weights()
            layer.set_weights([kernel.reshape(layer.kernel.shape), bias])
