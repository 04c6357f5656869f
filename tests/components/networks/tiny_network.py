"""A network for tests of the training: every kind of state that a network can have, in few variables."""

from __future__ import annotations

import keras

TINY = "tests.components.networks.tiny_network:build"
"""The name of the network in a configuration."""


def build(image_size: int, num_classes: int, dropout: float = 0.3, batch_normalization: bool = True) -> keras.Model:
    """Creates two convolutions; TensorFlow traces their training in a third of the time of the smallest U-Net."""
    images = keras.Input((image_size, image_size, 3))
    features = keras.layers.Rescaling(1 / 127.5, -1)(images)
    features = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(features)
    if batch_normalization:
        features = keras.layers.BatchNormalization()(features)
    features = keras.layers.Dropout(dropout)(features)
    return keras.Model(images, keras.layers.Conv2D(num_classes, 1, dtype="float32")(features))
