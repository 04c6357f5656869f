"""Region metrics in two pure stages: pixel counts, then the metrics computed from the counts. Void is not counted.

Source: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section 5, with
n_ij the pixels of class i predicted as class j and t_i = Σ_j n_ij. Source of the Dice coefficient: Dice, "Measures of
the Amount of Ecologic Association Between Species", Ecology 1945.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tfds_voc_seg.labels import VOID
from tfds_voc_seg.pixel_tables import parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


def confusion_matrix(truth: NDArray[np.uint8], predicted: NDArray[np.uint8], num_classes: int) -> NDArray[np.int64]:
    """Counts pixels by true and predicted class; void pixels of the truth are not counted.

    Args:
        truth: uint8 [...], class ids and `VOID`.
        predicted: uint8 [...] of the same shape, class ids.
        num_classes: K.

    Returns:
        int64 [K, K]; row: true class, column: predicted class.

    Raises:
        ValueError: the shapes differ, or a class id is K or more.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"the truth has shape {truth.shape}, the prediction {predicted.shape}")
    counts = np.zeros(num_classes**2, np.int64)
    for true_part, predicted_part in zip(parts_of(truth), parts_of(predicted), strict=True):
        valid = true_part != VOID
        rows = true_part[valid].astype(np.int64)
        columns = predicted_part[valid].astype(np.int64)
        if rows.size and max(rows.max(), columns.max()) >= num_classes:
            raise ValueError(f"class id {max(rows.max(), columns.max())} is not below the {num_classes} classes")
        counts += np.bincount(rows * num_classes + columns, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def per_class_iou(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Computes the intersection over union of each class: n_ii / (Σ_j n_ij + Σ_j n_ji − n_ii).

    Args:
        confusion: int [K, K], see `confusion_matrix`.

    Returns:
        float64 [K]; NaN for a class that is absent from the truth.
    """
    truth_pixels = confusion.sum(axis=1)
    intersection = np.diag(confusion)
    union = truth_pixels + confusion.sum(axis=0) - intersection
    return np.where(truth_pixels > 0, intersection / np.maximum(union, 1), np.nan)


def per_class_accuracy(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Computes the share of each class's pixels that are predicted as this class (recall): n_ii / t_i.

    Args:
        confusion: int [K, K], see `confusion_matrix`.

    Returns:
        float64 [K]; NaN for a class that is absent from the truth.
    """
    truth_pixels = confusion.sum(axis=1)
    return np.where(truth_pixels > 0, np.diag(confusion) / np.maximum(truth_pixels, 1), np.nan)


def per_class_dice(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Computes the Dice coefficient (F1 score) of each class: 2 n_ii / (Σ_j n_ij + Σ_j n_ji).

    Args:
        confusion: int [K, K], see `confusion_matrix`.

    Returns:
        float64 [K]; NaN for a class that is absent from the truth.
    """
    truth_pixels = confusion.sum(axis=1)
    both = truth_pixels + confusion.sum(axis=0)
    return np.where(truth_pixels > 0, 2 * np.diag(confusion) / np.maximum(both, 1), np.nan)


def mean_iou(confusion: NDArray[np.int64]) -> float:
    """Computes the mean of the per-class IoU over the classes that occur in the truth; NaN if none occurs."""
    return mean_over_classes(per_class_iou(confusion))


def frequency_weighted_iou(confusion: NDArray[np.int64]) -> float:
    """Computes the IoU weighted by the pixels of each class: Σ_i t_i IoU_i / Σ_i t_i; NaN without valid pixels."""
    truth_pixels = confusion.sum(axis=1)
    total = truth_pixels.sum()
    return float(np.nansum(truth_pixels * per_class_iou(confusion)) / total) if total else math.nan


def pixel_accuracy(confusion: NDArray[np.int64]) -> float:
    """Computes the share of the valid pixels with the right class: Σ_i n_ii / Σ_i t_i; NaN without valid pixels."""
    total = confusion.sum()
    return float(np.trace(confusion) / total) if total else math.nan


def mean_over_classes(values: NDArray[np.float64]) -> float:
    """Computes the mean over the classes that occur; NaN if none occurs.

    Args:
        values: float64 [K]; NaN for a class that does not occur.
    """
    return float(np.nanmean(values)) if np.any(~np.isnan(values)) else math.nan
