"""The result of segmenting one photo."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from components.saved_model.description import palette_of, voc_ids
from pipeline.prediction.painting import Painter
from tfds_voc_seg.labels import voc_palette
from tfds_voc_seg.pictures import classes_seen, legend

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_LEGEND_WIDTH = 1000  # pixels; the legend of a wider photo is enlarged


@dataclasses.dataclass(frozen=True, eq=False)
class Segmentation:
    """The result of segmenting one photo.

    Attributes:
        photo: uint8 [height, width, 3], upright.
        class_map: uint8 [height, width], indices into `class_names`, at the photo's own size.
        class_names: the model's classes, background first.
    """

    photo: NDArray[np.uint8]
    class_map: NDArray[np.uint8]
    class_names: tuple[str, ...]
    _compute_probabilities: Callable[[], NDArray[np.float32]] = dataclasses.field(repr=False)

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """Probability of each class at each pixel, float32 [height, width, classes]; computed on first access."""
        return self._compute_probabilities()

    @cached_property
    def pixel_shares(self) -> dict[str, float]:
        """Class → share of the photo's pixels, 0 to 1, in the model's order, without classes that have no pixels."""
        pixels = np.bincount(self.class_map.ravel(), minlength=len(self.class_names)).tolist()
        named = zip(self.class_names, pixels, strict=True)
        return {name: count / self.class_map.size for name, count in named if count}

    def mask(self) -> Image.Image:
        """Returns the class map in the format of VOC's masks: mode P, VOC's class ids, VOC's palette.

        A model of a few of VOC's classes numbers them from 1; here each class has VOC's own id. Classes that are not
        in VOC get the ids after VOC's.
        """
        picture = Image.fromarray(np.array(voc_ids(self.class_names), np.uint8)[self.class_map])
        picture.putpalette(voc_palette())
        return picture

    def overlay(self, alpha: float = 0.5, *, legend: bool = True, contours: bool = False) -> Image.Image:
        """Draws the class map over the photo in VOC's colours; the background stays unchanged.

        Args:
            alpha: opacity of the classes' colours, 0 to 1.
            legend: add a strip below that names the classes in the class map.
            contours: draw the classes' outlines.

        Raises:
            ValueError: `alpha` is not between 0 and 1.
        """
        palette = palette_of(self.class_names)
        painted = Painter(palette, alpha=alpha, contours=contours)(self.photo, self.class_map)
        if legend:
            painted = np.concatenate([painted, self._legend(dict(zip(self.class_names, palette, strict=True)))])
        return Image.fromarray(painted)

    def _legend(self, colours: dict[str, tuple[int, int, int]]) -> NDArray[np.uint8]:
        width = self.photo.shape[1]
        seen = classes_seen(self.class_map, self.class_names)
        return legend(seen, width, colours=colours, scale=max(1.0, width / _LEGEND_WIDTH))
