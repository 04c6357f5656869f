"""The frozen part and the head together compute what the network computes, and the stored features are small."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from components.networks import backbone_blocks, create_network
from components.networks.frozen_part import split_network

SIZE = 64
LITE: dict[str, Any] = {"backbone": "efficientnet_lite0"}
FCN8: dict[str, Any] = {**LITE, "fully_connected_channels": 4, "image_pooling": True}


def frozen(name: str, blocks: int, **options: Any) -> keras.Model:
    network = create_network(name, image_size=SIZE, num_classes=3, **options)
    for layer in (layer for block in backbone_blocks(network)[:blocks] for layer in block):
        network.get_layer(layer).trainable = False
    return network


@pytest.mark.parametrize(
    ("network", "blocks", "options", "expected"),
    [
        # Instead of the six times wider features at strides 16 and 8, the linear bottlenecks before them.
        ("fcn8", 5, FCN8, [(8, 8, 40), (4, 4, 112), (2, 2, 320)]),
        ("fcn8", 4, FCN8, [(8, 8, 40), (4, 4, 112)]),
        ("deeplab_v3_plus", 5, {**LITE, "channels": 4}, [(16, 16, 24), (4, 4, 320)]),
        ("unet", 2, {**LITE, "width": 2, "output_stride": 4}, [(16, 16, 24)]),
    ],
    ids=str,
)
def test_head_and_frozen_part_are_the_network(
    network: str, blocks: int, options: dict[str, Any], expected: list[tuple[int, ...]]
) -> None:
    whole = frozen(network, blocks, **options)
    for variable in whole.trainable_variables:  # scores are initialised with 0, which proves nothing
        variable.assign(variable + keras.random.normal(variable.shape, stddev=0.1, seed=1))
    split = split_network(whole)
    shapes = {tuple(tensor.shape[1:]) for tensor in split.frozen.outputs}
    assert set(expected) <= shapes
    assert {id(v) for v in split.head.trainable_variables} == {id(v) for v in whole.trainable_variables}
    images = np.random.default_rng(0).uniform(0, 255, (2, SIZE, SIZE, 3)).astype(np.float32)
    features = keras.tree.flatten(split.frozen(images, training=False))
    scores = split.head([keras.ops.zeros(images.shape), *features], training=False)
    np.testing.assert_allclose(scores, whole(images, training=False), atol=1e-4)


def test_features_after_random_numbers_are_not_stored() -> None:
    images = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.Conv2D(2, 3, trainable=False, name="first")(images)
    dropped = keras.layers.Conv2D(1, 3, trainable=False)(keras.layers.Dropout(0.5)(features))
    split = split_network(keras.Model(images, keras.layers.Conv2D(3, 1)(dropped)))
    assert [tuple(tensor.shape) for tensor in split.frozen.outputs] == [tuple(features.shape)]


def test_normalisation_that_still_counts_is_not_stored() -> None:
    images = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.Conv2D(2, 3, trainable=False)(images)
    counted = keras.layers.BatchNormalization(scale=False, center=False)(features)  # no weights, but statistics
    split = split_network(keras.Model(images, keras.layers.Conv2D(3, 1)(counted)))
    assert len(split.frozen.layers) == 2


def test_a_network_whose_trained_layers_read_the_images_is_rejected() -> None:
    images = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.Conv2D(3, 3, padding="same", trainable=False)(images)
    joined = keras.layers.Concatenate()([features, keras.layers.Conv2D(3, 1)(images)])
    with pytest.raises(ValueError, match="read the images themselves"):
        split_network(keras.Model(images, keras.layers.Conv2D(3, 1)(joined)))
    with pytest.raises(ValueError, match="no layer of the network is frozen"):
        split_network(keras.Model(images, keras.layers.Conv2D(3, 1)(keras.layers.Rescaling(2.0)(images))))
