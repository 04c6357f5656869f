"""The images on which the converter measures the ranges of a network's activations, for int8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfds_voc_seg.records.decoding import parse_image

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from tfds_voc_seg.geometry import Geometry

REPRESENTATIVE_IMAGES = 100
"""LiteRT's guide recommends 100 to 500 images; more of them change the ranges little and take time."""


def representative_images(records: Iterable[bytes], geometry: Geometry) -> list[NDArray[np.uint8]]:
    """Decodes the images of records of the train split.

    Args:
        records: serialized records, a few hundred at most.
        geometry: how the records' photos were resized.

    Returns:
        Images of the network's size, uint8 [height, width, 3]; with `crop`, the middle window of each image.
    """
    rows, columns = geometry.sides
    images = []
    for record in records:
        image: NDArray[np.uint8] = parse_image(record, geometry.record_size).numpy()
        top, left = (image.shape[0] - rows) // 2, (image.shape[1] - columns) // 2
        images.append(image[top : top + rows, left : left + columns])
    return images
