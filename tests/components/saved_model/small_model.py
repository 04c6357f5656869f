"""A small network with a SavedModel, and image files in all formats, for tests of the SavedModel."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from PIL import Image

from components.saved_model.description import ModelDescription
from components.saved_model.export import export_saved_model
from tests.conftest import CLASSES
from tests.made_once import copy_of

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 32
NAMES = ("background", *CLASSES)
DESCRIPTION = ModelDescription(NAMES, SIZE, "small", {"width": 8}, {"epochs": 3, "rate": 0.5}, 99, 1.5)


def small_network(policy: str = "float32") -> keras.Model:
    """Creates a network with the same random weights every time."""
    images = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.Rescaling(1 / 127.5, offset=-1, dtype=policy)(images)
    initializer = keras.initializers.RandomNormal(seed=1)
    features = keras.layers.Conv2D(8, 5, padding="same", kernel_initializer=initializer, dtype=policy)(features)
    features = keras.layers.BatchNormalization(dtype=policy)(features)
    scores = keras.layers.Conv2D(len(NAMES), 1, kernel_initializer=initializer, dtype=policy)(features)
    return keras.Model(images, scores)


def export_small_model(folder: Path) -> Path:
    """Exports the network; returns the folder."""
    return copy_of("small", lambda model: export_saved_model(small_network(), DESCRIPTION, model), folder)


def _file(file_format: str, mode: str, height: int, width: int, **options: Any) -> bytes:
    bands = len(Image.new(mode, (1, 1)).getbands())
    values = np.random.default_rng(height).integers(0, 256, (height, width, bands), np.uint8)
    image = Image.merge(mode, [Image.fromarray(values[..., band]) for band in range(bands)])
    written = io.BytesIO()
    image.save(written, file_format, **options)
    return written.getvalue()


JPEG, PNG, GIF, BMP = (
    _file(name, mode, 40, 50) for name, mode in (("JPEG", "RGB"), ("PNG", "RGB"), ("GIF", "L"), ("BMP", "RGB"))
)
FILES = (
    JPEG,
    PNG,
    GIF,
    BMP,
    _file("JPEG", "L", 300, 7),
    _file("JPEG", "CMYK", 20, 90, progressive=True),
    _file("PNG", "L", 1, 1),
    _file("PNG", "RGBA", SIZE, SIZE),
)
