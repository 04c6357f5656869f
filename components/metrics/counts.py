"""What is counted of one class map, as one array that adds up over images, and the figures it is reduced to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.metrics import boundary, confusion
from components.metrics.figure_names import FIGURES

BOUNDARY_COLUMNS = 3


def pixel_counts(
    truth: np.ndarray, predicted: np.ndarray, num_classes: int, truth_boundary: np.ndarray | None = None
) -> np.ndarray:
    """Counts what all figures follow from; void pixels of the truth are left out.

    Args:
        truth: uint8 [height, width], class ids and `VOID`.
        predicted: uint8 [height, width], class ids.
        num_classes: K.
        truth_boundary: as for `boundary.boundary_counts`.

    Returns:
        int64 [K, K + 3]: the confusion matrix, and beside it `boundary.boundary_counts`.

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


def confusion_of(counts: np.ndarray) -> np.ndarray:
    """The confusion matrix [..., K, K] of counts [..., K, K + 3]."""
    return counts[..., :-BOUNDARY_COLUMNS]


def per_class(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Reduces counts to figures of each class.

    Args:
        counts: int [K, K + 3], as from `pixel_counts`, of one image or added up over many.

    Returns:
        `per_class_iou`, `per_class_accuracy`, `per_class_dice` and `per_class_boundary_iou`, each float64 [K] with NaN
        for a class that is absent from the truth.
    """
    matrix = confusion_of(counts)
    return {
        "per_class_iou": confusion.per_class_iou(matrix),
        "per_class_accuracy": confusion.per_class_accuracy(matrix),
        "per_class_dice": confusion.per_class_dice(matrix),
        "per_class_boundary_iou": boundary.per_class_boundary_iou(counts[:, -BOUNDARY_COLUMNS:]),
    }


def scalars(counts: np.ndarray) -> dict[str, float]:
    """Reduces counts to the figures named in `FIGURES`; means are over the classes that occur in the truth.

    Args:
        counts: int [K, K + 3], as for `per_class`.
    """
    matrix, by_class = confusion_of(counts), per_class(counts)
    values = (
        confusion.mean_over_classes(by_class["per_class_iou"]),
        confusion.pixel_accuracy(matrix),
        confusion.mean_over_classes(by_class["per_class_accuracy"]),
        confusion.frequency_weighted_iou(matrix),
        confusion.mean_over_classes(by_class["per_class_dice"]),
        confusion.mean_over_classes(by_class["per_class_boundary_iou"]),
    )
    return dict(zip(FIGURES, values, strict=True))


def as_json(counts: np.ndarray, class_names: Sequence[str]) -> dict[str, Any]:
    """All figures of counts as JSON values: `null` for what does not exist, such as the IoU of an absent class.

    Args:
        counts: int [K, K + 3], as for `per_class`.
        class_names: [K], background first.
    """
    matrix = confusion_of(counts)
    return {
        **{name: json_number(value) for name, value in scalars(counts).items()},
        **{
            name: {class_name: json_number(value) for class_name, value in zip(class_names, values, strict=True)}
            for name, values in per_class(counts).items()
        },
        "absent_classes": [name for name, pixels in zip(class_names, matrix.sum(axis=1), strict=True) if not pixels],
        "confusion_matrix": matrix.tolist(),
    }


def json_number(value: float) -> float | None:
    """A number for JSON, which has no NaN."""
    return None if math.isnan(value) else float(value)


def to_sparse(counts: np.ndarray) -> list[list[int]]:
    """Lists the cells that are not zero as row, column, value: few of one image's are not."""
    rows, columns = np.nonzero(counts)
    return np.stack([rows, columns, counts[rows, columns]], axis=1).tolist()


def from_sparse(cells: Sequence[Sequence[int]], num_classes: int) -> np.ndarray:
    """Turns the cells of `to_sparse` back into counts, int64 [K, K + 3]."""
    counts = np.zeros((num_classes, num_classes + BOUNDARY_COLUMNS), np.int64)
    for row, column, value in cells:
        counts[row, column] = value
    return counts


def image_scores(counts_by_model: Mapping[str, np.ndarray]) -> dict[str, float | None]:
    """Each model's mean IoU on one image, over the classes that occur in it: model → 0 to 1."""
    return {model: json_number(confusion.mean_iou(confusion_of(counts))) for model, counts in counts_by_model.items()}
