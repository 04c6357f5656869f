"""Region metrics in two pure stages: counts of pixels, then reductions of the counts. Void is in neither.

Source: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section 5, with
n_ij the pixels of class i predicted as class j and t_i = Σ_j n_ij. Of the coefficient: Dice, "Measures of the Amount of
Ecologic Association Between Species", Ecology 1945.
"""

from __future__ import annotations

import numpy as np

from tfds_voc_seg.labels import VOID


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts pixels by true and predicted class; void pixels of the truth are left out.

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
    valid = truth != VOID
    rows = truth[valid].astype(np.int64)
    columns = predicted[valid].astype(np.int64)
    if rows.size and max(rows.max(), columns.max()) >= num_classes:
        raise ValueError(f"class id {max(rows.max(), columns.max())} is not below the {num_classes} classes")
    return np.bincount(rows * num_classes + columns, minlength=num_classes**2).reshape(num_classes, num_classes)


def per_class_iou(confusion: np.ndarray) -> np.ndarray:
    """Intersection over union of each class: n_ii / (Σ_j n_ij + Σ_j n_ji − n_ii).

    Args:
        confusion: int [K, K], as from `confusion_matrix`.

    Returns:
        float64 [K]; NaN for a class that is absent from the truth.
    """
    truth_pixels = confusion.sum(axis=1)
    intersection = np.diag(confusion)
    union = truth_pixels + confusion.sum(axis=0) - intersection
    return np.where(truth_pixels > 0, intersection / np.maximum(union, 1), np.nan)


def per_class_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of each class's own pixels that are found (recall): n_ii / t_i.

    Args:
        confusion: int [K, K], as from `confusion_matrix`.

    Returns:
        float64 [K]; NaN for a class that is absent from the truth.
    """
    truth_pixels = confusion.sum(axis=1)
    return np.where(truth_pixels > 0, np.diag(confusion) / np.maximum(truth_pixels, 1), np.nan)


def per_class_dice(confusion: np.ndarray) -> np.ndarray:
    """Dice coefficient (F1 score) of each class: 2 n_ii / (Σ_j n_ij + Σ_j n_ji).

    Args:
        confusion: int [K, K], as from `confusion_matrix`.

    Returns:
        float64 [K]; NaN for a class that is absent from the truth.
    """
    truth_pixels = confusion.sum(axis=1)
    both = truth_pixels + confusion.sum(axis=0)
    return np.where(truth_pixels > 0, 2 * np.diag(confusion) / np.maximum(both, 1), np.nan)


def mean_iou(confusion: np.ndarray) -> float:
    """Mean of the per-class IoU over the classes that occur in the truth; NaN where none does."""
    return mean_over_classes(per_class_iou(confusion))


def frequency_weighted_iou(confusion: np.ndarray) -> float:
    """Per-class IoU weighted by the class's share of the valid pixels: Σ_i t_i IoU_i / Σ_i t_i; NaN without any."""
    truth_pixels = confusion.sum(axis=1)
    total = truth_pixels.sum()
    return float(np.nansum(truth_pixels * per_class_iou(confusion)) / total) if total else float("nan")


def pixel_accuracy(confusion: np.ndarray) -> float:
    """Share of the valid pixels whose class is right: Σ_i n_ii / Σ_i t_i; NaN where there is no valid pixel."""
    total = confusion.sum()
    return float(np.trace(confusion) / total) if total else float("nan")


def mean_over_classes(values: np.ndarray) -> float:
    """Mean over the classes that occur.

    Args:
        values: float64 [K]; NaN for a class that does not occur.
    """
    return float(np.nanmean(values)) if np.any(~np.isnan(values)) else float("nan")
