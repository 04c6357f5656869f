"""Enlarged crops of predictions at the objects' borders, where the networks differ most."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage

from components.metrics.boundary import valid_boundary
from components.run_files import PHOTO_FILE, TRUTH_FILE
from pipeline.report.example_pictures import data_uri, difference, read_picture
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.pictures import classes_seen, overlay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from etils import epath

    from tfds_voc_seg.label_set import LabelSet

CROP_SHARE = 1 / 3
"""The side of a crop as a share of the image's shorter side."""

SHOWN_SIZE = 168
"""The side of a crop on the page, pixels."""


@dataclasses.dataclass(frozen=True)
class Crop:
    """A crop of one image. Pictures are `data:` URIs.

    Attributes:
        image_id: VOC's image id.
        photo: the crop of the photo.
        truth: the ground truth over the crop.
        predictions: model → its prediction over the crop.
        differences: model → its wrong pixels over a pale crop.
        classes: the classes in the ground truth and in the predictions, with `void` if it occurs.
    """

    image_id: str
    photo: str
    truth: str
    predictions: dict[str, str]
    differences: dict[str, str]
    classes: tuple[str, ...]


def crop_window(truth: np.ndarray, predictions: Sequence[np.ndarray]) -> tuple[slice, slice]:
    """Finds the window with the most wrong pixels near the contours of the ground truth, summed over all predictions.

    Args:
        truth: uint8 [height, width], class ids and `VOID`.
        predictions: class maps, uint8 [height, width].

    Returns:
        The rows and the columns.
    """
    side = max(4, round(min(truth.shape) * CROP_SHARE))
    contour = ndimage.binary_dilation(valid_boundary(truth), iterations=2) & (truth != VOID)
    wrong = sum((prediction != truth) & contour for prediction in predictions) + 0.01 * contour
    sums = ndimage.uniform_filter(np.asarray(wrong, np.float64), side, mode="constant")
    row, column = np.unravel_index(np.argmax(sums), sums.shape)
    top, left = (
        int(np.clip(centre - side // 2, 0, size - side))
        for centre, size in zip((row, column), truth.shape, strict=True)
    )
    return slice(top, top + side), slice(left, left + side)


def border_crop(folder: epath.Path, models: Mapping[str, str], channels: LabelSet) -> Crop:
    """Crops the pictures of one image.

    Args:
        folder: holds `photo.png`, `truth.png` and one class map per model, as the evaluation writes them.
        models: name on the page → name of the model's class map.
        channels: the classes with their colours.

    Raises:
        OSError: a picture is missing or damaged.
        ValueError: a picture is not a class map.
    """
    photo, truth = read_picture(folder / PHOTO_FILE, "RGB"), read_picture(folder / TRUTH_FILE)
    predicted = {name: read_picture(folder / f"{model}.png") for name, model in models.items()}
    window = crop_window(truth, list(predicted.values()))

    cropped = {name: predicted[name][window] for name in predicted}
    photo, truth = photo[window], truth[window]
    seen = {name for class_map in (truth, *cropped.values()) for name in classes_seen(class_map, channels.names)}
    return Crop(
        image_id=folder.name,
        photo=_enlarged_uri(photo),
        truth=_enlarged_uri(overlay(photo, truth, channels)),
        predictions={name: _enlarged_uri(overlay(photo, classes, channels)) for name, classes in cropped.items()},
        differences={name: _enlarged_uri(difference(photo, truth, classes)) for name, classes in cropped.items()},
        classes=tuple(name for name in [*channels.names, "void"] if name in seen),
    )


def _enlarged_uri(picture: np.ndarray) -> str:
    side = (SHOWN_SIZE, SHOWN_SIZE)
    return data_uri(np.asarray(Image.fromarray(picture).resize(side, Image.Resampling.NEAREST)))
