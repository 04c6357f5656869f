"""Boundary IoU in two pure stages: counts of pixels near the classes' contours, then their reduction.

Source: Cheng, Girshick, Dollár, Berg, Kirillov, "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation",
CVPR 2021, equation 4: the IoU of those pixels of truth and prediction that lie within a distance d of their own
contour. d is 2 % of the image's diagonal, as the authors take it, distances are those of a square neighbourhood, and
the image's own border counts as a contour, as in their code. There a class is one mask; here all classes of a class map
are measured at once. Void is left out: its pixels are counted nowhere, and a contour towards void is a contour.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from tfds_voc_seg.labels import VOID

DISTANCE_SHARE = 0.02
"""The distance as a share of the image's diagonal."""

_OUTSIDE = 254  # what surrounds an image: no class id, and not VOID


def boundary_distance(height: int, width: int) -> int:
    """How far from its contour a pixel counts: a share of the diagonal, pixels, rounded, at least 1."""
    return max(1, round(DISTANCE_SHARE * math.hypot(height, width)))


def boundary_pixels(classes: np.ndarray, distance: int) -> np.ndarray:
    """Finds the pixels that lie within a distance of their own region's contour.

    Args:
        classes: uint8 [height, width], class ids and `VOID`.
        distance: in pixels, of the larger of the two coordinates.

    Returns:
        bool [height, width]: whether any pixel at most that far away has another value, or lies outside of the image.
    """
    window = {"size": 2 * distance + 1, "mode": "constant", "cval": _OUTSIDE}
    return ndimage.minimum_filter(classes, **window) != ndimage.maximum_filter(classes, **window)


def valid_boundary(truth: np.ndarray) -> np.ndarray:
    """Finds the truth's pixels near their contours.

    Args:
        truth: uint8 [height, width], class ids and `VOID`.

    Returns:
        bool [height, width]; false where void.
    """
    return (truth != VOID) & boundary_pixels(truth, boundary_distance(*truth.shape))


def boundary_counts(
    truth: np.ndarray, predicted: np.ndarray, num_classes: int, truth_boundary: np.ndarray | None = None
) -> np.ndarray:
    """Counts each class's pixels near its contours; void pixels of the truth are left out.

    Args:
        truth: uint8 [height, width], class ids and `VOID`.
        predicted: uint8 [height, width], class ids.
        num_classes: K.
        truth_boundary: bool [height, width], `valid_boundary(truth)` where it is known already.

    Returns:
        int64 [K, 3]: near the contour in both, in the truth, in the prediction.
    """
    valid = truth != VOID
    in_truth = truth_boundary if truth_boundary is not None else valid_boundary(truth)
    in_prediction = valid & boundary_pixels(predicted, boundary_distance(*truth.shape))
    in_both = in_truth & in_prediction & (truth == predicted)
    counted = (truth[in_both], truth[in_truth], predicted[in_prediction])
    return np.stack([np.bincount(classes, minlength=num_classes) for classes in counted], axis=1)


def per_class_boundary_iou(counts: np.ndarray) -> np.ndarray:
    """Boundary IoU of each class.

    Args:
        counts: int [K, 3], as from `boundary_counts`.

    Returns:
        float64 [K]; NaN for a class without a contour in the truth.
    """
    both, in_truth, in_prediction = np.moveaxis(counts, -1, 0)
    union = in_truth + in_prediction - both
    return np.where(in_truth > 0, both / np.maximum(union, 1), np.nan)
