"""Whether a candidate may be published, independently of the other candidates: pure functions of its metrics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.model_selector.selection_config import SelectionConfig

BACKGROUND = 0
"""The background's class id."""


def measured(metrics: Mapping[str, Any], name: str) -> float | None:
    """Returns a metric, or `None` if it is missing, null or not a finite number."""
    value = metrics.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def refusals(metrics: Mapping[str, Any], smoke_test: Mapping[str, Any] | None, config: SelectionConfig) -> list[str]:
    """Returns the reasons why a candidate may not be published.

    Args:
        metrics: the candidate's metrics in `evaluation.json`.
        smoke_test: the candidate's entry in `smoke_test.json`; `None` if it was not tested.
        config: the thresholds.

    Returns:
        One clause per reason; empty if the candidate may be published.
    """
    reasons = []
    if measured(metrics, config.metric) is None:
        reasons.append(f"its {config.metric} is not a number (does the evaluated split have valid pixels?)")
    if smoke_test is None:
        reasons.append("it was not smoke-tested")
    elif not smoke_test["passed"]:
        reasons.append(f"the smoke test failed: {'; '.join(smoke_test['problems'])}")
    if config.min_mean_iou is not None:
        reasons += _too_low("mean_iou", measured(metrics, "mean_iou"), config.min_mean_iou, "min_mean_iou")
    for name, lowest in config.min_class_iou.items():
        iou = measured(metrics["per_class_iou"], name)
        reasons += _too_low(f"the IoU of {name}", iou, lowest, f"min_class_iou.{name}")
    if config.max_latency_seconds is not None:
        latency = measured(smoke_test or {}, "latency_seconds")
        if latency is None:
            reasons.append("its latency was not measured, but selection.max_latency_seconds requires it")
        elif latency > config.max_latency_seconds:
            limit = config.max_latency_seconds
            reasons.append(f"the latency is {latency:.3g} s per photo, above selection.max_latency_seconds={limit:g}")
    if not config.publish_background_only and (background := _no_better_than_background(metrics)):
        reasons.append(background)
    return reasons


def _too_low(what: str, value: float | None, lowest: float, setting: str) -> list[str]:
    if value is None:
        return [f"{what} was not measured (does it occur in the evaluated split?), but selection.{setting} requires it"]
    return [f"{what} is {value:.4f}, below selection.{setting}={lowest:g}"] if value < lowest else []


def _no_better_than_background(metrics: Mapping[str, Any]) -> str | None:
    """Returns why a network has not learned any foreground, or `None` if it has.

    There are two conditions. First, all foreground classes of the split have an IoU of 0: not one of their pixels is
    correct. Second, the mean IoU is not higher than that of predicting background everywhere, for which the IoU of the
    background is the background's share of the valid pixels and all other IoUs are 0. The second condition also refuses
    networks with a few foreground pixels that are correct by chance.
    """
    names = list(metrics["per_class_iou"])
    foreground = [
        iou for name in names[BACKGROUND + 1 :] if (iou := measured(metrics["per_class_iou"], name)) is not None
    ]
    if not foreground:
        return (
            "no foreground class occurs in the evaluated split, so whether it predicts more than background is unknown"
        )
    if max(foreground) <= 0:
        return "it predicts background only: no foreground class of the evaluated split has an IoU above 0"
    confusion = metrics.get("confusion_matrix")
    mean_iou = measured(metrics, "mean_iou")
    if confusion is None or mean_iou is None:
        return None
    pixels = np.sum(confusion, axis=1)
    of_background = pixels[BACKGROUND] / pixels.sum() / np.count_nonzero(pixels)
    if mean_iou <= of_background:
        return (
            f"its mean_iou of {mean_iou:.4f} is no better than that of predicting background everywhere "
            f"({of_background:.4f})"
        )
    return None
