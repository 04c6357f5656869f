"""Pieces of predictions at the objects' borders, enlarged: where the networks differ most."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence

import numpy as np
from etils import epath
from PIL import Image
from scipy import ndimage

from components.metrics.boundary import valid_boundary
from components.run_files import PHOTO_FILE, TRUTH_FILE
from pipeline.report.example_pictures import data_uri, difference
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.pictures import classes_seen, overlay

CROP_SHARE = 1 / 3
"""A crop's side as a share of the image's."""

SHOWN_SIZE = 168
"""A crop's side on the page, pixels."""


@dataclasses.dataclass(frozen=True)
class Crop:
    """A piece of one image; pictures are `data:` URIs.

    Attributes:
        image_id: VOC's.
        photo: the piece of the photo.
        truth: the masks over it.
        predictions: model → its prediction over it.
        differences: model → its wrong pixels over a pale piece.
        classes: what can be seen in them, `void` included.
    """

    image_id: str
    photo: str
    truth: str
    predictions: dict[str, str]
    differences: dict[str, str]
    classes: tuple[str, ...]


def crop_window(truth: np.ndarray, predictions: Sequence[np.ndarray]) -> tuple[slice, slice]:
    """Finds the window in which the most pixels near the truth's contours are wrong, over all predictions.

    Args:
        truth: uint8 [height, width], class ids and `VOID`.
        predictions: uint8 [height, width] each.

    Returns:
        Rows and columns.
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


def border_crop(folder: epath.Path, models: Mapping[str, str], class_names: Sequence[str]) -> Crop:
    """Cuts a piece out of one image's pictures.

    Args:
        folder: holds `photo.png`, `truth.png` and a class map a model, as the evaluation writes them.
        models: name on the page → name of the model's picture.
        class_names: VOC's names of the class ids.

    Raises:
        OSError: a picture is missing or damaged.
    """
    photo, truth = _read(folder / PHOTO_FILE, "RGB"), _read(folder / TRUTH_FILE)
    predicted = {name: _read(folder / f"{model}.png") for name, model in models.items()}
    window = crop_window(truth, list(predicted.values()))

    pieces = {name: predicted[name][window] for name in predicted}
    photo, truth = photo[window], truth[window]
    seen = {name for piece in (truth, *pieces.values()) for name in classes_seen(piece, class_names)}
    return Crop(
        image_id=folder.name,
        photo=_shown(photo),
        truth=_shown(overlay(photo, truth, class_names)),
        predictions={name: _shown(overlay(photo, piece, class_names)) for name, piece in pieces.items()},
        differences={name: _shown(difference(photo, truth, piece)) for name, piece in pieces.items()},
        classes=tuple(name for name in [*class_names, "void"] if name in seen),
    )


def _shown(piece: np.ndarray) -> str:
    side = (SHOWN_SIZE, SHOWN_SIZE)
    return data_uri(np.asarray(Image.fromarray(piece).resize(side, Image.Resampling.NEAREST)))


def _read(file: epath.Path, mode: str | None = None) -> np.ndarray:
    with Image.open(io.BytesIO(file.read_bytes())) as image:
        return np.asarray(image.convert(mode) if mode else image)
