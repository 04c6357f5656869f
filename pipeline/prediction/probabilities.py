"""Probabilities from a network's scores, with numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the probabilities of linear scores, float32 [..., classes]: those of a pixel add up to 1."""
    probabilities: NDArray[np.float32] = scores - scores.max(axis=-1, keepdims=True)
    np.exp(probabilities, out=probabilities)
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    return probabilities


def log_probabilities(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns linear scores whose softmax is these probabilities, float32 [..., classes]."""
    return np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
