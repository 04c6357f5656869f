"""Default boxes, and ground truth and predictions as offsets from them.

Boxes are shares of the image's sides. Corner form is [ymin, xmin, ymax, xmax], as in the records and in TensorFlow;
centre form is [centre x, centre y, width, height], as in Caffe's layers, so that their weights fit.

Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2 and equations 2 and 4; the sizes in
whole percents, the squares between two scales, steps and variances as in its authors' code (ssd_pascal.py).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from components.detector_trainer.ssd300 import SOURCES, source_grids

FINEST_SCALE = 10
SCALES = (20, 90)
"""Sizes of the default boxes in percents of the image's side: the finest source, the second and the coarsest."""

VARIANCES = np.array([0.1, 0.1, 0.2, 0.2], np.float32)
"""What offsets are divided by, so that all four are about as large."""

_STRIDED_SOURCES = 4
"""Sources whose cells are a power of two of pixels apart; cells of the others share the image."""


def box_scales(sources: int) -> list[tuple[float, float]]:
    """The sizes of each source's boxes as shares of the image's side: own scale, and that of the next source.

    Args:
        sources: how many there are; at least 3.
    """
    smallest, largest = SCALES
    step = (largest - smallest) // (sources - 2)
    scales = [FINEST_SCALE, *(smallest + step * index for index in range(sources))]
    return [(scales[index] / 100, scales[index + 1] / 100) for index in range(sources)]


def default_boxes(image_size: int) -> np.ndarray:
    """Makes all default boxes, from the finest source to the coarsest, row by row, all boxes of a cell in a row.

    A cell has a square of its source's scale, one of the geometric mean of that and the next scale, and for each
    aspect ratio a box of that ratio and one of its inverse.

    Args:
        image_size: height and width of the network's input, pixels.

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
    """Turns centre form into corner form, float [..., 4]."""
    x, y, width, height = tf.unstack(boxes, axis=-1)
    return tf.stack([y - height / 2, x - width / 2, y + height / 2, x + width / 2], axis=-1)


def to_centres(boxes: Any) -> tf.Tensor:
    """Turns corner form into centre form, float [..., 4]."""
    top, left, bottom, right = tf.unstack(boxes, axis=-1)
    return tf.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], axis=-1)


def encode(boxes: Any, defaults: Any) -> tf.Tensor:
    """Tells boxes by their offsets from default boxes (equation 2), divided by `VARIANCES`.

    Args:
        boxes: float32 [..., 4], corner form, with an area.
        defaults: float32 [..., 4], centre form.

    Returns:
        float32 [..., 4]: centre x, centre y, log of width and of height.
    """
    boxes, defaults = to_centres(boxes), tf.convert_to_tensor(defaults)
    shift = (boxes[..., :2] - defaults[..., :2]) / defaults[..., 2:]
    growth = tf.math.log(boxes[..., 2:] / defaults[..., 2:])
    return tf.concat([shift, growth], axis=-1) / VARIANCES


def decode(offsets: Any, defaults: Any) -> tf.Tensor:
    """Undoes `encode`.

    Args:
        offsets: float32 [..., boxes, 4].
        defaults: float32 [boxes, 4], centre form.

    Returns:
        float32 [..., boxes, 4], corner form.
    """
    offsets, defaults = offsets * VARIANCES, tf.convert_to_tensor(defaults)
    centres = defaults[..., :2] + offsets[..., :2] * defaults[..., 2:]
    return to_corners(tf.concat([centres, defaults[..., 2:] * tf.exp(offsets[..., 2:])], axis=-1))
