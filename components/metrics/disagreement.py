"""How much masks and predictions disagree about each class of an image: where to look for wrong masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SMALL_AREA = 0.01
"""Share of an image's pixels. Classes with less area rank lower, because a few pixels at a border are no wrong mask."""


def class_disagreement(confusion: NDArray[np.int64], doubted: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """Computes for each class of an image the share of its area in which mask and prediction disagree.

    The area of a class is where the mask or the prediction shows it, enlarged by 1 % of the image.

    Args:
        confusion: int [K, K], the pixels of one image; row: the mask's class, column: the predicted class.
        doubted: int [K, K], the pixels to count as disagreement; by default all that are not on the diagonal.

    Returns:
        float64 [K], 0 (no disagreement) to 1.
    """
    wrong = confusion if doubted is None else doubted
    disagreeing = wrong.sum(axis=0) + wrong.sum(axis=1) - 2 * np.diag(wrong)
    area = confusion.sum(axis=0) + confusion.sum(axis=1) - np.diag(confusion)
    shares: NDArray[np.float64] = disagreeing / np.maximum(area + _SMALL_AREA * confusion.sum(), 1)
    return shares


def main_confusion(confusion: NDArray[np.int64], class_id: int) -> tuple[int, int]:
    """Returns the class of the mask and the predicted class of most disagreeing pixels that involve a class.

    Args:
        confusion: int [K, K], see `class_disagreement`; at least one pixel of the class disagrees.
        class_id: the class.
    """
    involved = np.zeros_like(confusion)
    involved[class_id], involved[:, class_id] = confusion[class_id], confusion[:, class_id]
    involved[class_id, class_id] = 0
    row, column = np.unravel_index(int(involved.argmax()), involved.shape)
    return int(row), int(column)
