"""Pieces of images that are larger than the network's input: random crops for training, windows for validation."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import tensorflow as tf

from tfds_voc_seg.graph_windows import window_offsets
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.records.decoding import parse_origin
from tfds_voc_seg.tracing import without_autograph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tfds_voc_seg.geometry import Geometry

DEFAULT_RARE_CROPS = 0.5
"""The share of the crops around rare classes, if the settings do not name one."""

_SEED = 1  # so that crops and augmentation, which get the same seed, draw different numbers


@dataclasses.dataclass(frozen=True)
class RandomCrop:
    """A random crop, anywhere or around a pixel of a rare class.

    The class is one of those in the image, drawn with a probability that is inversely proportional to its number of
    pixels in the train split; then any of its pixels in the image, at any place in the crop.

    Attributes:
        sides: height and width of the crop in pixels.
        class_pixels: the number of pixels of each class in the train split.
        rare_share: the share of the crops around rare classes, 0 to 1.
    """

    sides: tuple[int, int]
    class_pixels: Sequence[int]
    rare_share: float

    def __call__(self, image: tf.Tensor, classes: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Crops an image.

        Args:
            image: uint8 [height, width, 3], at least as large as the crop.
            classes: uint8 [height, width], class ids and `VOID`.
            seed: int [2]; the same seed gives the same crop.

        Returns:
            uint8 [*sides, 3] and uint8 [*sides].
        """
        draws = tf.random.stateless_uniform([5], tf.random.fold_in(seed, _SEED))
        room = tf.shape(classes) - self.sides

        def anywhere() -> tf.Tensor:
            return tf.cast(draws[:2] * tf.cast(room + 1, tf.float32), tf.int32)

        def around_rare_class() -> tf.Tensor:
            pixel = self._rare_pixel(classes, draws[3], draws[4])
            start = pixel - tf.cast(draws[:2] * self.sides, tf.int32)
            return tf.clip_by_value(start, 0, room)

        has_class = tf.reduce_any(classes < len(self.class_pixels))
        top, left = tf.unstack(tf.cond((draws[2] < self.rare_share) & has_class, around_rare_class, anywhere))
        rows, columns = self.sides
        return tf.slice(image, [top, left, 0], [rows, columns, 3]), tf.slice(classes, [top, left], [rows, columns])

    def _rare_pixel(self, classes: tf.Tensor, class_draw: tf.Tensor, pixel_draw: tf.Tensor) -> tf.Tensor:
        """Draws a pixel, int32 [2], of one of the classes in the image; there is one."""
        rarity = [1 / max(1, pixels) for pixels in self.class_pixels]
        ids = tf.range(len(rarity))
        ids_in_image = tf.reshape(tf.cast(classes, tf.int32), [-1])
        occurs = tf.math.bincount(ids_in_image, minlength=VOID + 1, maxlength=VOID + 1)[: len(rarity)] > 0
        ends = tf.cumsum(tf.where(occurs, rarity, 0.0))
        drawn = tf.reduce_sum(tf.cast(ends <= class_draw * ends[-1], tf.int32))
        last = tf.reduce_max(tf.where(occurs, ids, 0))  # the product may be rounded up to the end
        pixels = tf.where(tf.cast(classes, tf.int32) == tf.minimum(drawn, last))
        count = tf.cast(tf.shape(pixels)[0], tf.float32)
        return tf.cast(pixels[tf.cast(pixel_draw * count, tf.int32)], tf.int32)


def covering_windows(image: tf.Tensor, classes: tf.Tensor, sides: tuple[int, int]) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts an image into the windows in which predictions are made; each pixel has its class in one window only.

    Args:
        image: uint8 [height, width, 3], at least as large as a window.
        classes: uint8 [height, width], class ids and `VOID`.
        sides: height and width of the windows in pixels.

    Returns:
        uint8 [windows, *sides, 3] and uint8 [windows, *sides]; pixels that an earlier window contains are `VOID`.
    """
    (rows, new_rows), (columns, new_columns) = (
        _pixels_of_windows(tf.shape(classes)[axis], side) for axis, side in enumerate(sides)
    )
    images = tf.gather(tf.gather(image, rows), columns, axis=2)  # [windows down, rows, windows across, columns, 3]
    labels = tf.gather(tf.gather(classes, rows), columns, axis=2)
    labels = tf.where(new_rows[:, :, tf.newaxis, tf.newaxis] & new_columns, labels, tf.constant(VOID, tf.uint8))
    return (
        tf.reshape(tf.transpose(images, [0, 2, 1, 3, 4]), [-1, *sides, 3]),
        tf.reshape(tf.transpose(labels, [0, 2, 1, 3]), [-1, *sides]),
    )


def _pixels_of_windows(length: tf.Tensor, side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the pixels of each window of an axis, int32 [windows, side], and which no earlier window contains."""
    offsets = window_offsets(length, side)
    pixels = offsets[:, tf.newaxis] + tf.range(side)
    ends_before = tf.concat([[0], offsets[:-1] + side], axis=0)
    return pixels, pixels >= ends_before[:, tf.newaxis]


@without_autograph
def count_windows(files: Sequence[str], geometry: Geometry) -> int:
    """Counts the windows of `covering_windows` over all records, from the sizes of their photos.

    Args:
        files: the shards.
        geometry: how photos were resized.
    """
    origins = tf.data.TFRecordDataset(list(files)).map(lambda record: parse_origin(record)[1:])
    windows = 0
    for height, width in origins.as_numpy_iterator():
        padded = geometry.padded(geometry.resized(int(height), int(width)))
        down, across = (_windows_of(*axis) for axis in zip(padded, geometry.sides, strict=True))
        windows += down * across
    return windows


@functools.lru_cache(maxsize=4096)
def _windows_of(length: int, side: int) -> int:
    return int(tf.size(window_offsets(length, side)))
