"""Confident learning on masks, with cleanlab: in which pixels is a model sure of another class than the mask shows?

The model is sure of a class if its probability is at least the mean of its probabilities of that class in the pixels
that masks show as that class. Source: Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset
Labels", JAIR 2021; applied to masks: Lad, Mueller, "Estimating Label Quality and Errors in Semantic Segmentation Data
via Any Model", 2023.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from cleanlab.count import compute_confident_joint
from cleanlab.experimental.label_issues_batched import LabelInspector

from tfds_voc_seg.labels import VOID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_STEP = 3
"""Thresholds are estimated on every third row and column: a tenth of the time."""


def confident_thresholds(
    masks: Iterable[tuple[NDArray[np.uint8], NDArray[np.float32]]], num_classes: int
) -> NDArray[np.float64]:
    """Estimates from which probability on the model is sure of each class; reads one mask at a time.

    Args:
        masks: pairs of a class map, uint8 [height, width], class ids and `VOID`, and the model's probabilities,
            float32 [height, width, K].
        num_classes: K.

    Returns:
        float64 [K]; a class that none of the masks shows gets the mean of the others.
    """
    inspector = LabelInspector(num_class=num_classes, store_results=False, verbose=False, n_jobs=1)
    for truth, probabilities in masks:
        every_third = truth[::_STEP, ::_STEP], probabilities[::_STEP, ::_STEP]
        valid = every_third[0] != VOID
        if valid.any():
            inspector.update_confident_thresholds(every_third[0][valid].astype(np.int64), every_third[1][valid])
    seen = inspector.examples_per_class > 0
    thresholds = np.asarray(inspector.confident_thresholds)
    return np.where(seen, thresholds, thresholds[seen].mean() if seen.any() else 1.0)


def doubted_pixels(
    truth: NDArray[np.uint8], probabilities: NDArray[np.float32], thresholds: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Finds the pixels in which the model is sure of another class than the mask shows.

    If it is sure of several classes, the most likely one counts. The class in the mask must not be the most likely one.

    Args:
        truth: uint8 [height, width], the mask's class ids and `VOID`.
        probabilities: float32 [height, width, K].
        thresholds: float64 [K], see `confident_thresholds`.

    Returns:
        bool [height, width]; void pixels are not doubted.
    """
    rows, columns = np.nonzero(truth != VOID)
    doubted = np.zeros(truth.shape, bool)
    if rows.size:
        _, indices = compute_confident_joint(
            truth[rows, columns].astype(np.int64),
            probabilities[rows, columns],
            thresholds=thresholds,
            calibrate=False,
            return_indices_of_off_diagonals=True,
        )
        doubted[rows[indices], columns[indices]] = True
    differs: NDArray[np.bool_] = probabilities.argmax(axis=-1) != truth
    return doubted & differs
