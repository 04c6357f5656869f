"""How the class maps of a target compare with those of its SavedModel on the same images; whether that is enough."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from components.metrics.bootstrap import bootstrap_mean_iou, interval
from components.metrics.confusion import mean_iou
from components.metrics.counts import json_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A target and its SavedModel on the same pixels.

    Attributes:
        mean_iou: of the target; `None` if no pixel has a class.
        difference: the mean IoU of the target minus that of the SavedModel; `None` as above.
        difference_interval: the 95 % interval of the difference, from the bootstrap over images; `None` if a sample has
            no value.
        agreement: the share of the pixels for which both have the same class, void included, 0 to 1.
    """

    mean_iou: float | None
    difference: float | None
    difference_interval: list[float] | None
    agreement: float


def compare(saved_model: NDArray[np.int64], target: NDArray[np.int64], agreement: float) -> Comparison:
    """Compares the confusion matrices of a SavedModel and of its target.

    Args:
        saved_model: int [images, K, K], the confusion matrix of each image.
        target: int [images, K, K], of the same images.
        agreement: see `Comparison`.
    """
    samples = bootstrap_mean_iou(target) - bootstrap_mean_iou(saved_model)
    before, after = (json_number(mean_iou(matrices.sum(axis=0))) for matrices in (saved_model, target))
    difference = None if before is None or after is None else after - before
    return Comparison(after, difference, interval(samples), agreement)


def refusal(comparison: Comparison, max_loss: float) -> str | None:
    """Returns why a target must not be published, or `None` if it may be.

    Args:
        comparison: of the target with its SavedModel.
        max_loss: the largest mean IoU that the target may lose, 0 to 1.
    """
    if comparison.difference is None:
        return "its mean IoU is not defined, because no pixel of the split has a class"
    if -comparison.difference > max_loss:
        return f"its mean IoU is {-comparison.difference:.4f} below the SavedModel's, and {max_loss:g} is allowed"
    return None
