"""Default boxes, and boxes as offsets from default boxes.

Boxes are shares of the image's sides. Corner form is [ymin, xmin, ymax, xmax], as in the records and in TensorFlow;
centre form is [centre x, centre y, width, height], as in Caffe's layers, so that Caffe's weights can be loaded.

Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2 and equations 2 and 4. The sizes in
integer percents, the squares of intermediate scales, the steps and the variances are those of its authors' code
(ssd_pascal.py).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from components.detector_trainer.ssd300 import SOURCES, source_grids

if TYPE_CHECKING:
    from numpy.typing import NDArray


FINEST_SCALE = 10
"""Size of the default boxes of the finest source, in percent of the image's side."""

SCALES = (20, 90)
"""Sizes of the default boxes in percent of the image's side: of the second source and of the coarsest source."""

VARIANCES = np.array([0.1, 0.1, 0.2, 0.2], np.float32)
"""Offsets are divided by these values, so that all four have a similar magnitude."""

_STRIDED_SOURCES = 4
"""Number of sources whose cells have a stride of a power of two pixels; the cells of the others divide the image."""


def box_scales(sources: int) -> list[tuple[float, float]]:
    """Returns the box sizes of each source as shares of the image's side: its own scale and the next source's.

    Args:
        sources: number of sources; at least 3.
    """
    smallest, largest = SCALES
    step = (largest - smallest) // (sources - 2)
    scales = [FINEST_SCALE, *(smallest + step * index for index in range(sources))]
    return [(scales[index] / 100, scales[index + 1] / 100) for index in range(sources)]


def default_boxes(image_size: int) -> NDArray[np.float32]:
    """Returns all default boxes, ordered by source (finest first), row, column, and box of the cell.

    The boxes of a cell are a square of the source's scale, a square of the geometric mean of this and the next scale,
    and, for each aspect ratio, a box of this ratio and a box of its inverse.

    Args:
        image_size: height and width of the network's input in pixels.

    Returns:
        float32 [boxes, 4], centre form; not clipped to the image. 8,732 boxes for 300 pixels.
    """
    grids = source_grids(image_size)
    boxes = []
    for index, (grid, (scale, next_scale)) in enumerate(zip(grids, box_scales(len(grids)), strict=True)):
        sizes = [(scale, scale), (math.sqrt(scale * next_scale),) * 2]
        for ratio in SOURCES[index].aspect_ratios:
            wide, narrow = scale * math.sqrt(ratio), scale / math.sqrt(ratio)
            sizes += [(wide, narrow), (narrow, wide)]
        step = 8 * 2**index / image_size if index < _STRIDED_SOURCES else (image_size // grid) / image_size
        centres = (np.arange(grid) + 0.5) * step
        rows, columns, shapes = np.meshgrid(centres, centres, np.arange(len(sizes)), indexing="ij")
        of_cell = np.array(sizes)[shapes.ravel()]
        boxes.append(np.concatenate([columns.reshape(-1, 1), rows.reshape(-1, 1), of_cell], axis=1))
    return np.concatenate(boxes).astype(np.float32)


def to_corners(boxes: Any) -> tf.Tensor:
    """Converts centre form to corner form, float [..., 4]."""
    x, y, width, height = tf.unstack(boxes, axis=-1)
    return tf.stack([y - height / 2, x - width / 2, y + height / 2, x + width / 2], axis=-1)


def to_centres(boxes: Any) -> tf.Tensor:
    """Converts corner form to centre form, float [..., 4]."""
    top, left, bottom, right = tf.unstack(boxes, axis=-1)
    return tf.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], axis=-1)


def encode(boxes: Any, defaults: Any) -> tf.Tensor:
    """Converts boxes to offsets from default boxes (equation 2), divided by `VARIANCES`.

    Args:
        boxes: float32 [..., 4], corner form, with an area above 0.
        defaults: float32 [..., 4], centre form.

    Returns:
        float32 [..., 4], offsets of centre x, centre y, log width and log height.
    """
    boxes, defaults = to_centres(boxes), tf.convert_to_tensor(defaults)
    shift = (boxes[..., :2] - defaults[..., :2]) / defaults[..., 2:]
    growth = tf.math.log(boxes[..., 2:] / defaults[..., 2:])
    return tf.concat([shift, growth], axis=-1) / VARIANCES


def decode(offsets: Any, defaults: Any) -> tf.Tensor:
    """Converts offsets from default boxes back to boxes; the inverse of `encode`.

    Args:
        offsets: float32 [..., boxes, 4].
        defaults: float32 [boxes, 4], centre form.

    Returns:
        float32 [..., boxes, 4], corner form.
    """
    offsets, defaults = offsets * VARIANCES, tf.convert_to_tensor(defaults)
    centres = defaults[..., :2] + offsets[..., :2] * defaults[..., 2:]
    return to_corners(tf.concat([centres, defaults[..., 2:] * tf.exp(offsets[..., 2:])], axis=-1))
