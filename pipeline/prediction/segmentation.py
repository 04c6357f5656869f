"""What a model made of one photo."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property

import numpy as np
from PIL import Image

from components.saved_model.description import palette_of, voc_ids
from pipeline.prediction.painting import Painter
from tfds_voc_seg.labels import voc_palette
from tfds_voc_seg.pictures import classes_seen, legend

_LEGEND_WIDTH = 1000  # photos that are wider get a larger legend


@dataclasses.dataclass(frozen=True, eq=False)
class Segmentation:
    """What a model made of one photo.

    Attributes:
        photo: uint8 [height, width, 3], upright.
        class_map: uint8 [height, width], indices into `class_names`, at the photo's own size.
        class_names: the model's classes, background first.
    """

    photo: np.ndarray
    class_map: np.ndarray
    class_names: tuple[str, ...]
    _compute_probabilities: Callable[[], np.ndarray] = dataclasses.field(repr=False)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Of each class at each pixel, float32 [height, width, classes]; computed when first asked for."""
        return self._compute_probabilities()

    @cached_property
    def pixel_shares(self) -> dict[str, float]:
        """Share of the photo's pixels, 0 to 1: class → share, of the classes that were seen, in the model's order."""
        pixels = np.bincount(self.class_map.ravel(), minlength=len(self.class_names)).tolist()
        named = zip(self.class_names, pixels, strict=True)
        return {name: count / self.class_map.size for name, count in named if count}

    def mask(self) -> Image.Image:
        """The class map as VOC's masks are: mode P, VOC's class ids, VOC's palette.

        A model of a few of VOC's classes numbers them from 1 on; here each has VOC's own id again. Classes that VOC
        doesn't have get the ids behind VOC's.
        """
        picture = Image.fromarray(np.array(voc_ids(self.class_names), np.uint8)[self.class_map])
        picture.putpalette(voc_palette())
        return picture

    def overlay(self, alpha: float = 0.5, *, legend: bool = True, contours: bool = False) -> Image.Image:
        """Lays the class map over the photo, in VOC's colours; background stays clear.

        Args:
            alpha: how much of a class's colour shows, 0 (none) to 1 (nothing else).
            legend: name the classes that are seen in a strip below.
            contours: draw the classes' outlines.

        Raises:
            ValueError: alpha is not a share.
        """
        palette = palette_of(self.class_names)
        painted = Painter(palette, alpha=alpha, contours=contours)(self.photo, self.class_map)
        if legend:
            painted = np.concatenate([painted, self._legend(dict(zip(self.class_names, palette, strict=True)))])
        return Image.fromarray(painted)

    def _legend(self, colours: dict[str, tuple[int, int, int]]) -> np.ndarray:
        width = self.photo.shape[1]
        seen = classes_seen(self.class_map, self.class_names)
        return legend(seen, width, colours=colours, scale=max(1.0, width / _LEGEND_WIDTH))
