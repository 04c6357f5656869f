"""The geometry of images: how a photo of any size becomes an image for the network, and where it lies in the image.

Records, training, evaluation, SavedModel and `predict` compute it here, so that it is the same from training to
service. This module has the numbers and no TensorFlow; `tfds_voc_seg.photos` moves pixels by them, and
`components.saved_model.photo_scores` the network's scores.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

from tfds_voc_seg.image_size import ImageSize, sides_of

if TYPE_CHECKING:
    from collections.abc import Callable

Resize = Literal["stretch", "pad", "crop"]

PADDING_COLOUR = (124, 116, 104)
"""The colour of padding: the mean colour of ImageNet, RGB, rounded, which preprocessing for pretrained weights makes
about 0."""

LONGEST_SHAPE = 8
"""A photo that is more than this many times as long as wide gets a smaller `short_side`, which bounds the memory."""


@dataclasses.dataclass(frozen=True)
class Geometry:
    """How a photo is resized and, where it is smaller than the network's image, padded.

    Attributes:
        image_size: size of the network's image in pixels, see `RecordConfig.image_size`.
        resize: see `RecordConfig.resize`.
        short_side: see `RecordConfig.short_side`; only for `crop`.
    """

    image_size: ImageSize
    resize: Resize = "stretch"
    short_side: int | None = None

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the network's image in pixels."""
        return sides_of(self.image_size)

    @property
    def record_size(self) -> RecordSize:
        """The size of the records' images. With `crop` each has its own, and the network sees windows of it."""
        return self if self.resize == "crop" else self.image_size

    @property
    def cropped_side(self) -> int:
        """Length in pixels to which the shorter side of a photo is resized; only for `crop`."""
        return max(self.sides) if self.short_side is None else self.short_side

    @property
    def resizing_side(self) -> int:
        """The most pixels per pixel of the photo's longer side that resizing holds: width times the result's height."""
        return self.cropped_side if self.resize == "crop" else self.sides[0]

    @property
    def most_pixels(self) -> int:
        """The largest number of pixels of a resized photo."""
        rows, columns = self.sides
        return rows * columns if self.resize != "crop" else LONGEST_SHAPE * self.cropped_side**2

    def resized(
        self, height: Any, width: Any, minimum: Callable[..., Any] = min, maximum: Callable[..., Any] = max
    ) -> tuple[Any, Any]:
        """Computes the size to which a photo is resized.

        Args:
            height: height of the photo in pixels: an integer or, inside of a graph, an int64 scalar.
            width: width of the photo in pixels.
            minimum: the smaller of two such numbers; the second one may be of another integer type.
            maximum: the larger of two such numbers.

        Returns:
            Height and width in pixels, at least 1. With `pad` one of them is that of the network's image and the other
            not larger; with `crop` the shorter one is `cropped_side`, if the photo is not longer than `LONGEST_SHAPE`.
            The other keeps the photo's shape, rounded to the nearest pixel.
        """
        rows, columns = self.sides
        if self.resize == "stretch":
            return rows, columns
        if self.resize == "pad":
            return (
                minimum(maximum(_rounded(height * columns, width), 1), rows),
                minimum(maximum(_rounded(width * rows, height), 1), columns),
            )
        shorter = maximum(minimum(height, width), (maximum(height, width) + LONGEST_SHAPE - 1) // LONGEST_SHAPE)
        return (
            maximum(_rounded(height * self.cropped_side, shorter), 1),
            maximum(_rounded(width * self.cropped_side, shorter), 1),
        )

    def padded(self, resized: tuple[Any, Any], maximum: Callable[..., Any] = max) -> tuple[Any, Any]:
        """Computes the size of the image that a resized photo lies in: at least that of the network's image."""
        rows, columns = self.sides
        return maximum(resized[0], rows), maximum(resized[1], columns)

    def offset(self, resized: tuple[Any, Any], maximum: Callable[..., Any] = max) -> tuple[Any, Any]:
        """Computes the rows above and the columns left of a resized photo: it lies in the middle of the image."""
        rows, columns = self.padded(resized, maximum)
        return (rows - resized[0]) // 2, (columns - resized[1]) // 2


def _rounded(dividend: Any, divisor: Any) -> Any:
    """Divides whole numbers and rounds to the nearest one, a half upwards."""
    return (2 * dividend + divisor) // (2 * divisor)


RecordSize = ImageSize | Geometry | None
"""The size of a record's image and mask in pixels; a geometry by which it follows from the size of the photo; or `None`
if it is the photo's own."""
