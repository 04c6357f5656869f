"""Whether a candidate may be published, independently of the other candidates: pure functions of its metrics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tfds_voc_seg.labels import BACKGROUND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.model_selector.selection_config import SelectionConfig


def measured(metrics: Mapping[str, Any], name: str) -> float | None:
    """Returns a metric, or `None` if it is missing, null or not a finite number."""
    value = metrics.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def refusals(
    metrics: Mapping[str, Any],
    smoke_test: Mapping[str, Any] | None,
    config: SelectionConfig,
    background: str | None = BACKGROUND,
) -> list[str]:
    """Returns the reasons why a candidate may not be published.

    Args:
        metrics: the candidate's metrics in `evaluation.json`.
        smoke_test: the candidate's entry in `smoke_test.json`; `None` if it was not tested.
        config: the thresholds.
        background: the background class; `None` if the label set has none.

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
    if not config.publish_background_only and (reason := _no_better_than_one_class(metrics, background)):
        reasons.append(reason)
    return reasons


def _too_low(what: str, value: float | None, lowest: float, setting: str) -> list[str]:
    if value is None:
        return [f"{what} was not measured (does it occur in the evaluated split?), but selection.{setting} requires it"]
    return [f"{what} is {value:.4f}, below selection.{setting}={lowest:g}"] if value < lowest else []


def _no_better_than_one_class(metrics: Mapping[str, Any], background: str | None) -> str | None:
    """Returns why a network has learned no more than to predict one class everywhere, or `None` if it has.

    There are two conditions. First, all foreground classes of the split have an IoU of 0: not one of their pixels is
    predicted correctly. Second, the mean IoU is not above that of a prediction of one class everywhere: the background,
    or the most frequent class if there is no background. The IoU of that class is then its share of the valid pixels,
    and all other IoUs are 0. The second condition also refuses networks with a few foreground pixels that are correct
    by chance.
    """
    per_class = metrics["per_class_iou"]
    names = list(per_class)
    foreground = [iou for name in names if name != background and (iou := measured(per_class, name)) is not None]
    if not foreground:
        return (
            "no foreground class occurs in the evaluated split, so whether it predicts more than background is unknown"
        )
    if max(foreground) <= 0:
        if background is None:
            return "it predicts no class of the evaluated split correctly: none has an IoU above 0"
        return f"it predicts {background} only: no foreground class of the evaluated split has an IoU above 0"
    confusion = metrics.get("confusion_matrix")
    mean_iou = measured(metrics, "mean_iou")
    if confusion is None or mean_iou is None:
        return None
    pixels = np.sum(confusion, axis=1)
    everywhere = int(np.argmax(pixels)) if background is None else names.index(background)
    of_one_class = pixels[everywhere] / pixels.sum() / np.count_nonzero(pixels)
    if mean_iou <= of_one_class:
        return (
            f"its mean_iou of {mean_iou:.4f} is no better than that of predicting {names[everywhere]} everywhere "
            f"({of_one_class:.4f})"
        )
    return None
