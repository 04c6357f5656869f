"""Test-time augmentation: averages the probabilities over mirrored and scaled versions of a photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.saved_model.upsampling import resized_rows
from pipeline.prediction.photos.tiles import blended_tiles
from tfds_voc_seg.geometry import PADDING_COLOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.engines.engine import Engine
    from pipeline.prediction.photos.tiles import ProbabilitiesOf
    from tfds_voc_seg.geometry import Geometry

SCALES = (0.75, 1.0, 1.5)
"""Sizes of the photo's versions, as factors of the network's input size."""


def averaged_probabilities(
    photo: NDArray[np.uint8], geometry: Geometry, engine: Engine, probabilities_of: ProbabilitiesOf
) -> NDArray[np.float32]:
    """Averages the probabilities over versions of the photo: each of `SCALES`, mirrored and not.

    The network takes images of a single size. A larger version is split into overlapping tiles of that size. A smaller
    one is padded: with its reflected edges, or with `PADDING_COLOUR` if the network was trained on padded photos.

    Args:
        photo: uint8 [height, width, 3].
        geometry: how a photo becomes the network's image; the versions are that many times as large.
        engine: resizes the photo.
        probabilities_of: the network.

    Returns:
        float32 [rows, columns, classes], as many as the largest version has.
    """
    resized = geometry.resized(*photo.shape[:2])
    largest = _scaled(resized, max(SCALES))
    total: NDArray[np.float32] | None = None  # together, the versions of a long photo would take gigabytes
    for height, width in (_scaled(resized, scale) for scale in SCALES):
        version = engine.resize(photo, (height, width))
        missing = [max(0, side - length) for side, length in zip(geometry.sides, (height, width), strict=True)]
        top, left = (pixels // 2 for pixels in missing)
        padded = _padded(version, (top, missing[0] - top), (left, missing[1] - left), geometry)
        for direction in (1, -1):
            tiles = blended_tiles(padded[:, ::direction], geometry.image_size, probabilities_of)
            whole = np.concatenate([*tiles])[:, ::direction]
            of_photo = whole[top : top + height, left : left + width]
            version_probabilities = np.concatenate([*resized_rows(of_photo, *largest)])
            total = version_probabilities if total is None else np.add(total, version_probabilities, out=total)
    assert total is not None  # there are several versions
    return total / np.float32(2 * len(SCALES))


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    height, width = (max(1, round(scale * side)) for side in size)
    return height, width


def _padded(
    image: NDArray[np.uint8], rows: tuple[int, int], columns: tuple[int, int], geometry: Geometry
) -> NDArray[np.uint8]:
    if geometry.resize == "stretch":
        return np.pad(image, (rows, columns, (0, 0)), mode="symmetric")
    planes = zip(np.moveaxis(image, -1, 0), PADDING_COLOUR, strict=True)
    return np.stack([np.pad(plane, (rows, columns), constant_values=colour) for plane, colour in planes], axis=-1)
