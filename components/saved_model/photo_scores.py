"""From a network's scores of images back to the photo, inside of a graph or eagerly.

Scores "of a photo" cover exactly the photo: resized to the photo's size, each lies at its pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfds_voc_seg.graph_windows import blended, window_offsets
from tfds_voc_seg.photos import fit_photo, resized_size

if TYPE_CHECKING:
    from tfds_voc_seg.geometry import Geometry

Score = Callable[[tf.Tensor], tf.Tensor]
"""The network's images, uint8 [batch, *geometry.sides, 3] → scores, float32 [batch, *geometry.sides, classes]."""


def scores_of_photos(photos: tf.Tensor, geometry: Geometry, score: Score, size: tf.Tensor | None = None) -> tf.Tensor:
    """Runs the network on photos of one size.

    Args:
        photos: uint8 [batch, height, width, 3].
        geometry: how photos are resized for the network.
        score: the network.
        size: int [2], height and width of the photos before they were resized, if they were.

    Returns:
        float32 [batch, rows, columns, classes], the scores of the photos.
    """
    size = tf.shape(photos)[1:3] if size is None else size
    return without_padding(scores_of_images(fit_photo(photos, geometry, size), geometry, score), geometry, size)


def scores_of_images(images: tf.Tensor, geometry: Geometry, score: Score) -> tf.Tensor:
    """Runs the network on images of records: whole or, with `crop`, in windows whose probabilities are blended.

    Args:
        images: uint8 [batch, height, width, 3], see `fit_photo`.
        geometry: how photos were resized.
        score: the network.

    Returns:
        float32 [batch, height, width, classes], linear scores; of windows, the logarithms of the probabilities.
    """
    if geometry.resize != "crop":
        return score(images)
    batch, height, width = tf.unstack(tf.shape(images)[:3])
    rows, columns = geometry.sides
    tops, lefts = window_offsets(height, rows), window_offsets(width, columns)

    def blended_row(top: tf.Tensor) -> tf.Tensor:
        """Returns the probabilities of a row of windows, float32 [rows, width, batch, classes]."""
        windows = tf.gather(images[:, top : top + rows], lefts[:, tf.newaxis] + tf.range(columns), axis=2)
        windows = tf.reshape(tf.transpose(windows, [2, 0, 1, 3, 4]), [-1, rows, columns, 3])
        probabilities = tf.nn.softmax(score(windows))
        shape = [tf.size(lefts), batch, rows, columns, probabilities.shape[-1]]
        by_window = tf.transpose(tf.reshape(probabilities, shape), [0, 3, 2, 1, 4])  # [windows, columns, rows, …]
        by_window = tf.ensure_shape(by_window, [None, columns, rows, None, probabilities.shape[-1]])
        return tf.transpose(blended(by_window, width, lefts), [1, 0, 2, 3])

    # One row of windows at a time: the activations of all would need too much memory.
    by_row = tf.map_fn(blended_row, tops, fn_output_signature=tf.float32, parallel_iterations=1)
    by_row = tf.ensure_shape(by_row, [None, rows, None, None, None])
    probabilities = tf.transpose(blended(by_row, height, tops), [2, 0, 1, 3])
    return tf.math.log(tf.maximum(probabilities, np.finfo(np.float32).tiny))


def without_padding(values: tf.Tensor, geometry: Geometry, size: tf.Tensor) -> tf.Tensor:
    """Cuts a photo out of the image that it lies in.

    Args:
        values: [..., height, width, channels], the image or its scores.
        geometry: how the photo was resized.
        size: int [2], height and width of the photo in pixels, before it was resized.

    Returns:
        [..., rows, columns, channels].
    """
    if geometry.resize == "stretch":
        return values
    rows, columns = tf.unstack(resized_size(geometry, size))
    top, left = geometry.offset((rows, columns), tf.maximum)
    return values[..., top : top + rows, left : left + columns, :]
