"""A usual notebook's preparation of the data, for comparison: in one process, with the whole set in memory.

Reimplemented from the description in the reference article: it resizes photo and mask by nearest neighbour, compares
the mask's colours with the colour of each class, and keeps the set as float32 photos and int16 one-hot masks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tfds_voc_seg.labels import VOC_CLASSES, voc_palette

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def prepare(pairs: Sequence[tuple[str, str]], size: int) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Reads all pairs into memory.

    Args:
        pairs: paths of photos and masks.
        size: height and width of the result, pixels.

    Returns:
        Photos float32 [pairs, size, size, 3] and masks int16 [pairs, size, size, 21].
    """
    colours = np.array(voc_palette()).reshape(256, 3)[: len(VOC_CLASSES)]
    photos, masks = [], []
    for photo_file, mask_file in pairs:
        with Image.open(photo_file) as photo, Image.open(mask_file) as mask:
            photos.append(np.asarray(photo.resize((size, size), Image.Resampling.NEAREST), np.float32) / 255)
            painted = np.asarray(mask.convert("RGB").resize((size, size), Image.Resampling.NEAREST))
        one_hot = np.zeros((size, size, len(colours)), np.int16)
        for channel, colour in enumerate(colours):
            one_hot[..., channel] = np.all(painted == colour, axis=-1)
        masks.append(one_hot)
    return np.stack(photos), np.stack(masks)
