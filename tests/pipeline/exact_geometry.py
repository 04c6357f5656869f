"""A devkit and a network without training that together have a mean IoU of 1 only if every geometry is exact.

Each colour channel of a photo is a ramp that crosses 127.5 at a known place: red and blue along x, green along y. A
class says on which side of the three places a pixel is. The network's scores are linear in the colours, so that linear
interpolation of photo and scores keeps the places. The ramps are steep enough that rounding to 8 bits moves them by
less than the distance to the nearest pixel centre, and a shift of half a pixel moves them over one.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import keras
import numpy as np
from PIL import Image

from components.networks import input_shape
from components.saved_model.description import ModelDescription
from components.saved_model.export import export_saved_model
from tests.made_once import copy_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tfds_voc_seg.image_size import ImageSize
    from tfds_voc_seg.record_config import RecordConfig

PHOTO_SIZES = ((61, 83), (83, 61), (64, 64), (37, 90), (90, 41), (48, 49))
"""Height and width of the photos: lying, upright, square, panoramas, almost the network's size."""

CLASSES = tuple(f"class{index}" for index in range(8))

_STEEPNESS = 6.0  # levels per pixel
_BEYOND = 0.3  # pixels between a place and the nearest pixel centre


def photo_and_mask(height: int, width: int, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draws a photo uint8 [height, width, 3] and its class map uint8 [height, width]."""
    rows, columns = np.arange(height) + 0.5, np.arange(width) + 0.5
    places = (width // 3 + 0.5 + _BEYOND, height // 2 + 0.5 + _BEYOND * (-1) ** number, 2 * width // 3 + 0.5 - _BEYOND)
    distances = np.broadcast_arrays(columns - places[0], rows[:, np.newaxis] - places[1], columns - places[2])
    photo = np.clip(np.rint(127.5 + _STEEPNESS * np.stack(distances, axis=-1)), 0, 255).astype(np.uint8)
    red, green, blue = (distance > 0 for distance in distances)
    return photo, (4 * red + 2 * green + blue).astype(np.uint8)


def write_devkit(folder: Path) -> Path:
    """Writes a devkit with one photo of each size in both splits."""
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (folder / name).mkdir(parents=True)
    (folder / "labels.yaml").write_text(f"{{classes: [{', '.join(CLASSES)}], background: {CLASSES[0]}}}\n")
    for split in ("train", "val"):
        names = [f"{split}{number}" for number in range(len(PHOTO_SIZES))]
        (folder / f"ImageSets/Segmentation/{split}.txt").write_text("\n".join(names) + "\n")
        for number, (name, size) in enumerate(zip(names, PHOTO_SIZES, strict=True)):
            photo, mask = photo_and_mask(*size, number)
            Image.fromarray(photo).save(folder / f"JPEGImages/{name}.png")
            Image.fromarray(mask).save(folder / f"SegmentationClass/{name}.png")
    return folder


def build(image_size: ImageSize, num_classes: int) -> keras.Model:
    """Creates a network whose best class says on which side of 127.5 each colour is."""
    assert num_classes == len(CLASSES)
    signs = np.array(list(itertools.product((-1, 1), repeat=3)), np.float32).T / 100  # [colour, class]
    images = keras.Input(input_shape(image_size))
    scores = keras.layers.Conv2D(len(CLASSES), 1)
    network = keras.Model(images, scores(images))
    scores.set_weights([signs[np.newaxis, np.newaxis], -127.5 * signs.sum(axis=0)])
    return network


def export_exact_model(folder: Path, config: RecordConfig) -> Path:
    """Exports the network for records of a configuration."""
    assert config.image_size is not None
    network = build(config.image_size, len(CLASSES))
    description = ModelDescription(config.class_names, config.image_size, "exact", {}, {}, 32, 0.0, config)
    return copy_of(("exact", config), lambda model: export_saved_model(network, description, model), folder)
