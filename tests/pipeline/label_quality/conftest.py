"""A devkit whose photos show each class in its own colour, and a model that knows these colours: an oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.conftest import CLASSES
from tests.made_once import copy_of, copy_of_sample
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.labels import VOC_CLASSES
from tfds_voc_seg.record_config import RecordConfig

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

COLOURS = np.random.default_rng(1).permutation(
    np.array([[red, green, blue] for red in (30, 128, 225) for green in (30, 128, 225) for blue in (30, 225)], np.uint8)
)
SIZE = 64


@pytest.fixture
def painted_devkit(tmp_path: Path) -> Path:
    return copy_of("painted", _paint, tmp_path / "painted")


def _paint(folder: Path) -> None:
    copy_of_sample(folder, train_images=10, val_images=5)
    colours = np.full((256, 3), COLOURS[0], np.uint8)
    for number, name in enumerate(CLASSES, start=1):
        colours[VOC_CLASSES.index(name)] = COLOURS[number]
    for listing in read_splits(folder).values():
        for pair in listing.pairs:
            with Image.open(pair.mask) as mask:
                Image.fromarray(colours[np.asarray(mask)]).save(pair.photo, quality=95)


def export_oracle(folder: Path, records: RecordConfig, colours: NDArray[np.uint8]) -> Path:
    """Exports a SavedModel that predicts for each pixel the class with the nearest colour, and returns its folder.

    Args:
        folder: the folder to write.
        records: the model's classes and image size.
        colours: uint8 [K, 3], the colour of each class in photos.
    """
    import keras

    from components.saved_model.description import ModelDescription
    from components.saved_model.export import export_saved_model

    names, size = records.class_names, records.image_size or SIZE
    images = keras.Input((size, size, 3))
    scores = keras.layers.Conv2D(len(names), 1)
    network = keras.Model(images, scores(images))
    wanted = colours.astype(np.float32)
    kernel, bias = 2 * wanted.T / 1000, -(wanted**2).sum(axis=1) / 1000  # −|pixel − colour|², without |pixel|²
    scores.set_weights([kernel[None, None], bias])
    export_saved_model(network, ModelDescription(names, size, "oracle", {}, {}, 24, 0.0, records), folder)
    return folder


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of `CLASSES` that knows their colours."""
    records = RecordConfig(SIZE, CLASSES)
    return export_oracle(tmp_path_factory.mktemp("oracle") / "model", records, COLOURS[: len(CLASSES) + 1])
