"""How far the mean IoU is from luck: the bootstrap over images.

Source: Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 1979; percentile intervals.
Images are drawn with replacement, as many as there are; their confusion matrices are added up and reduced as those of
the split are. All models are drawn the same images, so that the difference between two of them has an interval of its
own, much narrower than that between two intervals would be.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SAMPLES = 1000
CONFIDENCE = 0.95
_SEED = 0
_SAMPLES_AT_ONCE = 100  # bounds the memory at 21 classes


def bootstrap_mean_iou(confusions: np.ndarray) -> np.ndarray:
    """Mean IoU of resampled splits; the same images are drawn whatever the model.

    Args:
        confusions: int [images, K, K], each image's own confusion matrix.

    Returns:
        float64 [SAMPLES]; NaN where no drawn image has a valid pixel.
    """
    return _resampled(confusions, _mean_iou)


def bootstrap_pixel_accuracy(confusions: np.ndarray) -> np.ndarray:
    """Pixel accuracy of resampled splits, as `bootstrap_mean_iou`, of the same images."""
    return _resampled(confusions, _pixel_accuracy)


def _resampled(confusions: np.ndarray, figure: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    images, num_classes = confusions.shape[:2]
    flat = confusions.reshape(images, -1).astype(np.float64)  # exact up to 2⁵³ pixels
    draws = np.random.default_rng(_SEED).multinomial(images, np.full(images, 1 / images), size=SAMPLES)
    parts = np.split(draws, range(_SAMPLES_AT_ONCE, SAMPLES, _SAMPLES_AT_ONCE))
    return np.concatenate([figure((part @ flat).reshape(-1, num_classes, num_classes)) for part in parts])


def interval(samples: np.ndarray) -> list[float] | None:
    """The percentile interval at `CONFIDENCE`: lower and upper end; `None` where a sample is NaN.

    Args:
        samples: float64 [SAMPLES], of a figure or of a difference.
    """
    if np.isnan(samples).any():
        return None
    tail = (1 - CONFIDENCE) / 2
    return [float(end) for end in np.quantile(samples, [tail, 1 - tail])]


def _pixel_accuracy(confusions: np.ndarray) -> np.ndarray:
    """`confusion.pixel_accuracy` of many matrices [N, K, K] at once."""
    with np.errstate(invalid="ignore"):
        return np.trace(confusions, axis1=1, axis2=2) / confusions.sum(axis=(1, 2))


def _mean_iou(confusions: np.ndarray) -> np.ndarray:
    """`confusion.mean_iou` of many matrices [N, K, K] at once."""
    intersection = np.diagonal(confusions, axis1=1, axis2=2)
    truth = confusions.sum(axis=2)
    union = truth + confusions.sum(axis=1) - intersection
    occurs = truth > 0
    iou = np.where(occurs, intersection / np.maximum(union, 1), 0.0)
    with np.errstate(invalid="ignore"):
        return iou.sum(axis=1) / occurs.sum(axis=1)
