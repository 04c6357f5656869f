"""Tiny models with known class maps: one recognises red and blue, one predicts background everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CLASS_NAMES = ("background", "person", "dog", "car")
IMAGE_SIZE = 32


def export_colour_model(folder: Path, *, blind: bool = False) -> Path:
    """Exports a model that predicts person for red and car for blue; with `blind`, background everywhere."""
    import keras

    from components.saved_model.description import ModelDescription
    from components.saved_model.export import export_saved_model

    images = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3))
    scores = keras.layers.Conv2D(len(CLASS_NAMES), 1)
    network = keras.Model(images, scores(keras.layers.Rescaling(1 / 255)(images)))
    weights = np.zeros((1, 1, 3, len(CLASS_NAMES)), np.float32)
    weights[0, 0, 0, 1] = weights[0, 0, 2, 3] = 1
    bias = np.array([9 if blind else 0.5, 0, 0, 0], np.float32)
    scores.set_weights([weights, bias])
    export_saved_model(network, ModelDescription(CLASS_NAMES, IMAGE_SIZE, "colours", {}, {}, 16, 0.0), folder)
    return folder


def picture() -> NDArray[np.uint8]:
    """Returns uint8 [120, 160, 3]: dark grey, a red square on the left, a blue one on the right."""
    pixels = np.full((120, 160, 3), 60, np.uint8)
    pixels[30:90, 15:65], pixels[30:90, 95:145] = (220, 40, 40), (40, 40, 230)
    return pixels
