"""The result of segmenting one photo."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pipeline.prediction.painting import Painter
from tfds_voc_seg.label_set import default_colors
from tfds_voc_seg.pictures import classes_seen, legend
from tfds_voc_seg.pixel_tables import looked_up, value_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tfds_voc_seg.label_set import LabelSet

_LARGEST_INDEX = 255  # of a palette
_LEGEND_WIDTH = 1000  # pixels; the legend of a wider photo is enlarged
_WIDEST = 8  # times a photo's height: a strip's legend would otherwise be much larger than the strip


@dataclasses.dataclass(frozen=True, eq=False)
class Segmentation:
    """The result of segmenting one photo.

    Attributes:
        photo: uint8 [height, width, 3], upright.
        class_map: uint8 [height, width], positions in `class_names`, at the photo's own size.
        channels: the model's classes: names, ids and colours.
    """

    photo: NDArray[np.uint8]
    class_map: NDArray[np.uint8]
    channels: LabelSet
    _probability_rows: Callable[[], Iterator[NDArray[np.float32]]] = dataclasses.field(repr=False)

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """Probability of each class at each pixel, float32 [height, width, classes]; computed on first access."""
        return np.concatenate([*self.probability_rows()])

    def probability_rows(self) -> Iterator[NDArray[np.float32]]:
        """Computes the probabilities part by part, because those of a large photo need gigabytes.

        Yields:
            The next rows of `probabilities`, float32 [rows, width, classes].

        Raises:
            PhotoError: the photo was segmented in tiles, and a row of them needs too much memory.
        """
        return self._probability_rows()

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the model's classes; the background first, if there is one."""
        return self.channels.names

    @cached_property
    def pixel_shares(self) -> dict[str, float]:
        """Class → share of the photo's pixels, 0 to 1, in the model's order, without classes that have no pixels."""
        named = zip(self.class_names, value_counts(self.class_map).tolist(), strict=False)
        return {name: count / self.class_map.size for name, count in named if count}

    def mask(self) -> Image.Image:
        """Returns the class map in the format of the dataset's masks: a palette image with the ids and colours.

        Ids above 255 do not fit into a palette image; then the mask has the positions in `class_names`.
        """
        ids = self.channels.ids if max(self.channels.ids) <= _LARGEST_INDEX else tuple(range(len(self.class_names)))
        palette = list(default_colors(_LARGEST_INDEX + 1))
        for id_, color in zip(ids, self.channels.colors, strict=True):
            palette[id_] = color
        picture = Image.fromarray(looked_up(np.array(ids, np.uint8), self.class_map))
        picture.putpalette([value for color in palette for value in color])
        return picture

    def overlay(self, alpha: float = 0.5, *, legend: bool = True, contours: bool = False) -> Image.Image:
        """Draws the class map over the photo in the classes' colours; the background stays unchanged.

        Args:
            alpha: opacity of the classes' colours, 0 to 1.
            legend: add a strip below that names the classes in the class map.
            contours: draw the classes' outlines.

        Raises:
            ValueError: `alpha` is not between 0 and 1.
        """
        has_background = self.channels.background is not None
        painter = Painter(self.channels.colors, has_background=has_background, alpha=alpha, contours=contours)
        height, width = self.class_map.shape
        strip = self._legend() if legend else np.empty((0, width, 3), np.uint8)
        # Strip by strip: PIL's image takes four bytes per pixel, and a painted array would take three more.
        picture = Image.new("RGB", (width, height + len(strip)))
        for top, painted in painter.strips(self.photo, self.class_map):
            picture.paste(Image.fromarray(painted), (0, top))
        if legend:
            picture.paste(Image.fromarray(strip), (0, height))
        return picture

    def _legend(self) -> NDArray[np.uint8]:
        height, width = self.photo.shape[:2]
        seen = classes_seen(self.class_map, self.class_names)
        return legend(seen, width, self.channels, scale=max(1.0, min(width, _WIDEST * height) / _LEGEND_WIDTH))
