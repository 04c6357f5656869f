"""A tiny model whose class maps contain several classes, exported like the pipeline does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from components.saved_model.description import ModelDescription
from components.saved_model.export import export_saved_model
from tests.made_once import copy_of
from tfds_voc_seg.labels import VOC_CLASSES

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 32


def export_random_model(folder: Path, class_names: tuple[str, ...] = VOC_CLASSES, size: int = SIZE) -> Path:
    """Exports a network of random filters, always the same; returns its folder."""

    def export(model: Path) -> None:
        export_saved_model(_network(len(class_names), size), description, model)

    description = ModelDescription(class_names, size, "random", {}, {}, 9, 1.5)
    return copy_of(("random", class_names, size), export, folder)


def _network(channels: int, size: int) -> keras.Model:
    images = keras.Input((size, size, 3))
    initializer = keras.initializers.RandomNormal(stddev=0.3, seed=1)
    features = keras.layers.Rescaling(1 / 127.5, offset=-1)(images)
    features = keras.layers.Conv2D(8, 5, padding="same", kernel_initializer=initializer)(features)
    return keras.Model(images, keras.layers.Conv2D(channels, 1, kernel_initializer=initializer)(features))
