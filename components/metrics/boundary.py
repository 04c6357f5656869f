"""Boundary IoU in two pure stages: counts of pixels near the contours of the classes, then the metric.

Source: Cheng, Girshick, Dollár, Berg, Kirillov, "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation",
CVPR 2021, equation 4: the IoU of those pixels of truth and prediction that are within a distance d of their own
contour. As in the authors' code, d is 2 % of the image's diagonal, distances are those of a square neighbourhood, and
the border of the image is a contour. The authors measure one mask at a time; here all classes of a class map are
measured at once. Void pixels are not counted, and the border between a class and void is a contour.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tfds_voc_seg.labels import VOID
from tfds_voc_seg.pixel_tables import value_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

DISTANCE_SHARE = 0.02
"""The distance as a share of the image's diagonal."""


def boundary_distance(height: int, width: int) -> int:
    """Computes the distance d in pixels: the rounded share of the diagonal, at least 1."""
    return max(1, round(DISTANCE_SHARE * math.hypot(height, width)))


def boundary_pixels(classes: NDArray[np.uint8], distance: int) -> NDArray[np.bool_]:
    """Finds the pixels within a distance of the contour of their own region.

    Args:
        classes: uint8 [height, width], class ids and `VOID`.
        distance: in pixels, the larger of the vertical and the horizontal distance.

    Returns:
        bool [height, width]: whether a pixel within the distance has another value or is outside the image.
    """
    height, width = classes.shape
    differs = np.ones(classes.shape, bool)  # the windows of pixels near the border reach outside
    # A window has one value if its rows do, and its middle column does.
    in_rows = _any_in_windows(classes[:, 1:] != classes[:, :-1], 2 * distance, axis=1)
    inside = _any_in_windows(in_rows, 2 * distance + 1, axis=0)
    middle = classes[:, distance : width - distance]
    inside |= _any_in_windows(middle[1:] != middle[:-1], 2 * distance, axis=0)
    differs[distance : height - distance, distance : width - distance] = inside
    return differs


def _any_in_windows(values: NDArray[np.bool_], length: int, axis: int) -> NDArray[np.bool_]:
    """Returns for each window of an axis whether it has a true value, by windows that are doubled in length.

    Args:
        values: bool [height, width].
        length: of a window.
        axis: 0 or 1.

    Returns:
        bool, shorter than `values` by `length` - 1 along the axis; empty if the axis is shorter than a window.
    """
    found, reached = values.swapaxes(0, axis), 1
    while reached < length:
        step = min(reached, length - reached)
        found = found[:-step] | found[step:]
        reached += step
    return found.swapaxes(0, axis)


def valid_boundary(truth: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Finds the valid pixels of the truth near their contours.

    Args:
        truth: uint8 [height, width], class ids and `VOID`.

    Returns:
        bool [height, width]; false for void pixels.
    """
    valid: NDArray[np.bool_] = truth != VOID
    return valid & boundary_pixels(truth, boundary_distance(*truth.shape))


def boundary_counts(
    truth: NDArray[np.uint8],
    predicted: NDArray[np.uint8],
    num_classes: int,
    truth_boundary: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Counts the pixels of each class near its contours; void pixels of the truth are not counted.

    Args:
        truth: uint8 [height, width], class ids and `VOID`.
        predicted: uint8 [height, width], class ids.
        num_classes: K.
        truth_boundary: bool [height, width], `valid_boundary(truth)` if it is already computed.

    Returns:
        int64 [K, 3]: pixels near the contour in both, in the truth, in the prediction.
    """
    valid: NDArray[np.bool_] = truth != VOID
    in_truth = truth_boundary if truth_boundary is not None else valid_boundary(truth)
    in_prediction = valid & boundary_pixels(predicted, boundary_distance(*truth.shape))
    in_both = in_truth & in_prediction & (truth == predicted)
    counted = (truth[in_both], truth[in_truth], predicted[in_prediction])
    return np.stack([value_counts(classes)[:num_classes] for classes in counted], axis=1)


def per_class_boundary_iou(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Computes the boundary IoU of each class.

    Args:
        counts: int [K, 3], see `boundary_counts`.

    Returns:
        float64 [K]; NaN for a class without a contour in the truth.
    """
    both, in_truth, in_prediction = np.moveaxis(counts, -1, 0)
    union = in_truth + in_prediction - both
    return np.where(in_truth > 0, both / np.maximum(union, 1), np.nan)
