"""Whether a candidate may be published at all, whatever the others are: pure functions of what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from components.model_selector.selection_config import SelectionConfig

BACKGROUND = 0
"""The background's class id."""


def measured(figures: Mapping[str, Any], name: str) -> float | None:
    """Gives a figure, or `None` where it is missing, null, or not a finite number."""
    value = figures.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def refusals(figures: Mapping[str, Any], smoke_test: Mapping[str, Any] | None, config: SelectionConfig) -> list[str]:
    """Says why a candidate may not be published.

    Args:
        figures: a candidate's, of `evaluation.json`.
        smoke_test: the candidate's part of `smoke_test.json`; `None` where it was not tested.
        config: the thresholds.

    Returns:
        A part of a sentence for each reason; empty where it may be.
    """
    reasons = []
    if measured(figures, config.metric) is None:
        reasons.append(f"its {config.metric} is not a number (a val split without valid pixels gives none)")
    if smoke_test is None:
        reasons.append("it had no smoke test")
    elif not smoke_test["passed"]:
        reasons.append(f"the smoke test failed: {'; '.join(smoke_test['problems'])}")
    if config.min_mean_iou is not None:
        reasons += _too_low("mean_iou", measured(figures, "mean_iou"), config.min_mean_iou, "min_mean_iou")
    for name, lowest in config.min_class_iou.items():
        iou = measured(figures["per_class_iou"], name)
        reasons += _too_low(f"the IoU of {name}", iou, lowest, f"min_class_iou.{name}")
    if config.max_latency_seconds is not None:
        latency = measured(smoke_test or {}, "latency_seconds")
        if latency is None:
            reasons.append("its latency was not measured, and selection.max_latency_seconds asks for it")
        elif latency > config.max_latency_seconds:
            limit = config.max_latency_seconds
            reasons.append(f"a photo takes {latency:.3g} s, above selection.max_latency_seconds={limit:g}")
    if not config.publish_background_only and (background := _no_better_than_background(figures)):
        reasons.append(background)
    return reasons


def _too_low(what: str, value: float | None, lowest: float, setting: str) -> list[str]:
    if value is None:
        return [f"{what} was not measured (not in the val split?), and selection.{setting} asks for it"]
    return [f"{what} is {value:.4f}, below selection.{setting}={lowest:g}"] if value < lowest else []


def _no_better_than_background(figures: Mapping[str, Any]) -> str | None:
    """Says that a network has learnt no foreground, where it hasn't.

    Two things show it. No foreground class that occurs in the split has an IoU above 0: not one of its pixels is right.
    Or the mean IoU is not above that of predicting background everywhere, which has the background's share of the valid
    pixels for the background's IoU and 0 for all others; a stray pixel that is right by chance does not help.
    """
    names = list(figures["per_class_iou"])
    foreground = [
        iou for name in names[BACKGROUND + 1 :] if (iou := measured(figures["per_class_iou"], name)) is not None
    ]
    if not foreground:
        return "no foreground class occurs in the val split, so nothing shows that it knows more than background"
    if max(foreground) <= 0:
        return "it predicts background only: no foreground class that occurs in the val split has an IoU above 0"
    confusion = figures.get("confusion_matrix")
    mean_iou = measured(figures, "mean_iou")
    if confusion is None or mean_iou is None:
        return None
    pixels = np.sum(confusion, axis=1)
    without_network = pixels[BACKGROUND] / pixels.sum() / np.count_nonzero(pixels)
    if mean_iou <= without_network:
        return (
            "it is no better than to predict background everywhere, "
            f"which has mean_iou {without_network:.4f} (it has {mean_iou:.4f})"
        )
    return None
