"""Confidence intervals of mean IoU and pixel accuracy by the bootstrap over images.

Source: Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 1979; percentile intervals.
Each sample draws as many images as the split has, with replacement, sums their confusion matrices, and computes the
metric as for the whole split. The samples of all models consist of the same images, so that the difference between two
models has an interval of its own. It is much narrower than the intervals of the two models suggest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SAMPLES = 1000
CONFIDENCE = 0.95
_SEED = 0
_SAMPLES_AT_ONCE = 100  # limits memory use with 21 classes


def bootstrap_mean_iou(confusions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Computes the mean IoU of resampled splits; the same images are drawn for every model.

    Args:
        confusions: int [images, K, K], the confusion matrix of each image.

    Returns:
        float64 [SAMPLES]; NaN if no drawn image has a valid pixel.
    """
    return _resampled(confusions, _mean_iou)


def bootstrap_pixel_accuracy(confusions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Computes the pixel accuracy of the resampled splits of `bootstrap_mean_iou`."""
    return _resampled(confusions, _pixel_accuracy)


def _resampled(
    confusions: NDArray[np.int64], metric: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    images, num_classes = confusions.shape[:2]
    flat = confusions.reshape(images, -1).astype(np.float64)  # exact up to 2⁵³ pixels
    draws = np.random.default_rng(_SEED).multinomial(images, np.full(images, 1 / images), size=SAMPLES)
    parts = np.split(draws, range(_SAMPLES_AT_ONCE, SAMPLES, _SAMPLES_AT_ONCE))
    return np.concatenate([metric((part @ flat).reshape(-1, num_classes, num_classes)) for part in parts])


def interval(samples: NDArray[np.float64]) -> list[float] | None:
    """Computes the percentile interval at `CONFIDENCE`: lower and upper end; `None` if a sample is NaN.

    Args:
        samples: float64 [SAMPLES], of a metric or of the difference between two models.
    """
    if np.isnan(samples).any():
        return None
    tail = (1 - CONFIDENCE) / 2
    return [float(end) for end in np.quantile(samples, [tail, 1 - tail])]


def _pixel_accuracy(confusions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Computes `confusion.pixel_accuracy` of many matrices [N, K, K] at once."""
    with np.errstate(invalid="ignore"):
        accuracy: NDArray[np.float64] = np.trace(confusions, axis1=1, axis2=2) / confusions.sum(axis=(1, 2))
    return accuracy


def _mean_iou(confusions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Computes `confusion.mean_iou` of many matrices [N, K, K] at once."""
    intersection = np.diagonal(confusions, axis1=1, axis2=2)
    truth = confusions.sum(axis=2)
    union = truth + confusions.sum(axis=1) - intersection
    occurs = truth > 0
    iou = np.where(occurs, intersection / np.maximum(union, 1), 0.0)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = iou.sum(axis=1) / occurs.sum(axis=1)
    return mean
