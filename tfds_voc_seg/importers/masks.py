"""Writes the masks of a devkit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tfds_voc_seg.label_set import LabelSet, default_colors
from tfds_voc_seg.labels import VOID

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def devkit_labels(labels: LabelSet) -> LabelSet:
    """Returns the label set of the devkit's masks: the same classes with their positions as ids, 255 as void."""
    free = [color for color in reversed(default_colors(256)) if color not in labels.colors]
    void_color = next((color for color in labels.void_colors if color not in labels.colors), free[0])
    return LabelSet(
        names=labels.names,
        ids=tuple(range(len(labels.names))),
        colors=labels.colors,
        background=labels.background,
        void_ids=(VOID,),
        void_colors=(void_color,),
        masks="index",
    )


class MaskWriter:
    """Writes class maps as palette PNGs in the colours of a devkit's label set."""

    def __init__(self, labels: LabelSet):
        palette = np.zeros((256, 3), np.uint8)
        palette[: len(labels.colors)] = labels.colors
        palette[VOID] = labels.void_colors[0]
        self._palette = palette.tobytes()

    def write(self, classes: NDArray[np.uint8], file: Path) -> None:
        """Writes a class map: uint8 [height, width], positions in the label set and `VOID`."""
        image = Image.fromarray(classes)
        image.putpalette(self._palette)
        image.save(file)
