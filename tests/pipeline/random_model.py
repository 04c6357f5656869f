"""A tiny model whose class maps contain several classes, exported like the pipeline does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from components.saved_model.description import ModelDescription
from components.saved_model.export import export_saved_model
from tfds_voc_seg.labels import VOC_CLASSES

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 32


def export_random_model(folder: Path, class_names: tuple[str, ...] = VOC_CLASSES, size: int = SIZE) -> Path:
    """Exports a network of random filters, always the same; returns its folder."""
    images = keras.Input((size, size, 3))
    initializer = keras.initializers.RandomNormal(stddev=0.3, seed=1)
    features = keras.layers.Rescaling(1 / 127.5, offset=-1)(images)
    features = keras.layers.Conv2D(8, 5, padding="same", kernel_initializer=initializer)(features)
    scores = keras.layers.Conv2D(len(class_names), 1, kernel_initializer=initializer)(features)
    description = ModelDescription(class_names, size, "random", {}, {}, 9, 1.5)
    export_saved_model(keras.Model(images, scores), description, folder)
    return folder
