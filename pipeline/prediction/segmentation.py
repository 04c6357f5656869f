"""What a model made of one photo."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property

import numpy as np
from PIL import Image

Palette = tuple[tuple[int, int, int], ...]


@dataclasses.dataclass(frozen=True)
class Segmentation:
    """What a model made of one photo.

    Attributes:
        photo: uint8 [height, width, 3], upright.
        class_map: uint8 [height, width], indices into `class_names`, at the photo's own size.
        class_names: the model's classes, background first.
        palette: a colour for each class, red, green and blue, 0 to 255; VOC's own where VOC has the class.
    """

    photo: np.ndarray
    class_map: np.ndarray
    class_names: tuple[str, ...]
    palette: Palette
    _compute_probabilities: Callable[[], np.ndarray] = dataclasses.field(repr=False, compare=False)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Of each class at each pixel, float32 [height, width, classes]; computed when first asked for."""
        return self._compute_probabilities()

    @cached_property
    def pixel_shares(self) -> dict[str, float]:
        """Share of the photo's pixels, 0 to 1: class → share, of the classes that were seen, in the model's order."""
        pixels = np.bincount(self.class_map.ravel(), minlength=len(self.class_names))
        return {
            name: float(count / self.class_map.size)
            for name, count in zip(self.class_names, pixels, strict=True)
            if count
        }

    def overlay(self, alpha: float = 0.5, *, legend: bool = True, contours: bool = False) -> Image.Image:
        """Lays the class map over the photo.

        Args:
            alpha: how much of a class's colour shows, 0 (none) to 1 (nothing else).
            legend: name the classes seen in a strip below.
            contours: draw the classes' outlines, in their colours.
        """
        from tfds_voc_seg import pictures

        picture = pictures.overlay(self.photo, self.class_map, self.class_names, alpha)
        if legend:
            seen = pictures.classes_seen(self.class_map, self.class_names)
            picture = np.concatenate([picture, pictures.legend(seen, picture.shape[1])])
        return Image.fromarray(picture)
