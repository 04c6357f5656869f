"""The settings of the loss: which losses are added up, and how classes are weighted."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic

if TYPE_CHECKING:
    from collections.abc import Sequence

LOSSES = ("cross_entropy", "focal", "dice", "lovasz_softmax")
MEDIAN_FREQUENCY = "median_frequency"


def _loss_weights(value: Any) -> dict[str, float]:
    weights = _positive_numbers({value: 1.0} if isinstance(value, str) else value)
    if weights is None or not set(weights) <= set(LOSSES):
        raise ValueError(
            f"must be one of {', '.join(LOSSES)}, or several of them with weights above 0, such as "
            f"{{cross_entropy: 1, dice: 0.5}}; not {value!r}"
        )
    return weights


def _class_weights(value: Any) -> Any:
    if value is None or value == MEDIAN_FREQUENCY:
        return value
    weights = _positive_numbers(value)
    if weights is None:
        raise ValueError(
            f"must be null, {MEDIAN_FREQUENCY}, or weights above 0 by class name, such as {{person: 2, dog: 3}}; "
            f"not {value!r}"
        )
    return weights


def _positive_numbers(value: Any) -> dict[str, float] | None:
    """Returns name → number; `None` if the value is not a mapping to positive numbers."""
    if not isinstance(value, dict) or not value or any(isinstance(number, bool) for number in value.values()):
        return None
    try:
        numbers = {str(name): float(number) for name, number in value.items()}
    except (TypeError, ValueError, OverflowError):  # OverflowError: a whole number above 1.8e308
        return None
    return numbers if all(0 < number < math.inf for number in numbers.values()) else None


LossWeights = Annotated[dict[str, float], pydantic.BeforeValidator(_loss_weights)]
"""Name → weight of each loss in the sum; the name of one loss alone means that loss with weight 1."""

ClassWeights = Annotated[
    Literal["median_frequency"] | dict[str, float] | None, pydantic.BeforeValidator(_class_weights)
]
"""How pixels are weighted by their class: equally, by `median_frequency`, or by class name (1 for other classes)."""


def resolve_class_weights(
    setting: Literal["median_frequency"] | dict[str, float] | None,
    class_names: Sequence[str],
    class_pixels: Sequence[int] | None,
) -> list[float] | None:
    """Determines the weight of each class.

    Median frequency balancing: Eigen and Fergus, "Predicting Depth, Surface Normals and Semantic Labels with a Common
    Multi-Scale Convolutional Architecture", ICCV 2015, section 6.3.2: a class's weight is the median of all classes'
    frequencies divided by its own frequency. Here the frequency is the class's share of all valid pixels; the paper
    counts only the images that contain the class. The median is over the classes that occur; the others get weight 1.

    Args:
        setting: see `ClassWeights`.
        class_names: [num_classes], background first.
        class_pixels: int [num_classes], pixels of each class in the train split; needed only for `median_frequency`.

    Returns:
        float [num_classes]; `None` if all classes have the same weight.

    Raises:
        ValueError: a class is unknown, or `median_frequency` is given without pixel counts.
    """
    if setting is None:
        return None
    if isinstance(setting, dict):
        unknown = [name for name in setting if name not in class_names]
        if unknown:
            raise ValueError(f"class_weights: unknown class {unknown[0]!r}; allowed are {', '.join(class_names)}")
        return [setting.get(name, 1.0) for name in class_names]
    if class_pixels is None:
        raise ValueError(f"class_weights: {MEDIAN_FREQUENCY} needs the pixels of each class in the train split")
    occurring = [int(pixels) for pixels in class_pixels if pixels > 0]
    return [statistics.median(occurring) / int(pixels) if pixels > 0 else 1.0 for pixels in class_pixels]
