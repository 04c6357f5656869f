"""A network for tests of the training: every kind of state that a network can have, in few variables."""

from __future__ import annotations

import keras

from components.networks.alignment import BilinearUpsampling, CropToMatch

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


TINY_WITH_BACKBONE = "tests.components.networks.tiny_network:build_with_backbone"
"""The name of a network with two blocks, of which the first can be frozen."""


def build_with_backbone(image_size: int, num_classes: int) -> keras.Model:
    """Creates a convolution at stride 2 and one at its output, and scores at the size of the image."""
    images = keras.Input((image_size, image_size, 3), name="image")
    features = keras.layers.Rescaling(1 / 127.5, -1, name="unit_range")(images)
    for index, stride in enumerate((2, 1)):
        features = keras.layers.Conv2D(4, 3, strides=stride, padding="same", name=f"conv{index}")(features)
        features = keras.layers.BatchNormalization(name=f"bn{index}")(features)
        features = keras.layers.ReLU(6.0, name=f"relu{index}")(features)
    scores = keras.layers.Dropout(0.3, name="dropout")(features)
    scores = keras.layers.Conv2D(num_classes, 1, name="score")(scores)
    scores = CropToMatch(name="crop")([BilinearUpsampling(2, name="upsample")(scores), images])
    network = keras.Model(images, scores)
    network.backbone_blocks = (("conv0", "bn0"), ("conv1", "bn1"))
    return network
