"""The pixel counts of one class map, as an array that can be summed over images, and all metrics computed from it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from components.metrics import METRIC_NAMES, boundary, confusion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

BOUNDARY_COLUMNS = 3
"""The columns of `boundary.boundary_counts`, beside the confusion matrix."""


def pixel_counts(
    truth: NDArray[np.uint8],
    predicted: NDArray[np.uint8],
    num_classes: int,
    truth_boundary: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Counts the pixels from which all metrics are computed; void pixels of the truth are not counted.

    Args:
        truth: uint8 [height, width], class ids and `VOID`.
        predicted: uint8 [height, width], class ids.
        num_classes: K.
        truth_boundary: see `boundary.boundary_counts`.

    Returns:
        int64 [K, K + 3]: the confusion matrix, followed by the columns of `boundary.boundary_counts`.

    Raises:
        ValueError: the shapes differ, or a class id is K or more.
    """
    return np.concatenate(
        [
            confusion.confusion_matrix(truth, predicted, num_classes),
            boundary.boundary_counts(truth, predicted, num_classes, truth_boundary),
        ],
        axis=1,
    )


def confusion_of(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the confusion matrix [..., K, K] from counts [..., K, K + 3]."""
    return counts[..., :-BOUNDARY_COLUMNS]


def per_class_metrics(counts: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Computes the metrics of each class.

    Args:
        counts: int [K, K + 3], see `pixel_counts`; of one image or summed over many.

    Returns:
        `per_class_iou`, `per_class_accuracy`, `per_class_dice` and `per_class_boundary_iou`, each float64 [K]; NaN for
        a class that is absent from the truth.
    """
    matrix = confusion_of(counts)
    return {
        "per_class_iou": confusion.per_class_iou(matrix),
        "per_class_accuracy": confusion.per_class_accuracy(matrix),
        "per_class_dice": confusion.per_class_dice(matrix),
        "per_class_boundary_iou": boundary.per_class_boundary_iou(counts[:, -BOUNDARY_COLUMNS:]),
    }


def scalar_metrics(counts: NDArray[np.int64]) -> dict[str, float]:
    """Computes the metrics in `METRIC_NAMES`; means are over the classes that occur in the truth.

    Args:
        counts: int [K, K + 3], see `per_class_metrics`.
    """
    matrix, by_class = confusion_of(counts), per_class_metrics(counts)
    values = (
        confusion.mean_over_classes(by_class["per_class_iou"]),
        confusion.pixel_accuracy(matrix),
        confusion.mean_over_classes(by_class["per_class_accuracy"]),
        confusion.frequency_weighted_iou(matrix),
        confusion.mean_over_classes(by_class["per_class_dice"]),
        confusion.mean_over_classes(by_class["per_class_boundary_iou"]),
    )
    return dict(zip(METRIC_NAMES, values, strict=True))


def metrics_as_json(counts: NDArray[np.int64], class_names: Sequence[str]) -> dict[str, Any]:
    """Computes all metrics as JSON values; `None` for undefined ones, such as the IoU of an absent class.

    Args:
        counts: int [K, K + 3], see `per_class_metrics`.
        class_names: [K], background first.
    """
    matrix = confusion_of(counts)
    return {
        **{name: json_number(value) for name, value in scalar_metrics(counts).items()},
        **{
            name: {class_name: json_number(value) for class_name, value in zip(class_names, values, strict=True)}
            for name, values in per_class_metrics(counts).items()
        },
        "absent_classes": [name for name, pixels in zip(class_names, matrix.sum(axis=1), strict=True) if not pixels],
        "confusion_matrix": matrix.tolist(),
    }


def json_number(value: float) -> float | None:
    """Returns the number, or `None` for NaN, which JSON does not have."""
    return None if math.isnan(value) else float(value)


def to_sparse(counts: NDArray[np.int64]) -> list[list[int]]:
    """Lists the non-zero cells as row, column, value; in the counts of one image, most cells are zero."""
    rows, columns = np.nonzero(counts)
    cells: list[list[int]] = np.stack([rows, columns, counts[rows, columns]], axis=1).tolist()
    return cells


def from_sparse(cells: Sequence[Sequence[int]], num_classes: int) -> NDArray[np.int64]:
    """Restores counts, int64 [K, K + 3], from the cells of `to_sparse`."""
    counts = np.zeros((num_classes, num_classes + BOUNDARY_COLUMNS), np.int64)
    for row, column, value in cells:
        counts[row, column] = value
    return counts


def image_scores(counts_by_model: Mapping[str, NDArray[np.int64]]) -> dict[str, float | None]:
    """Computes model → mean IoU (0 to 1) on one image, over the classes that occur in it."""
    return {model: json_number(confusion.mean_iou(confusion_of(counts))) for model, counts in counts_by_model.items()}
