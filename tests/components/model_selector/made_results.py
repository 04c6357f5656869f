"""Evaluation and smoke test results of candidates, made by hand, and selections from them."""

from __future__ import annotations

from typing import Any

from components.model_selector.selection import Selection, select
from components.model_selector.selection_config import SelectionConfig

NAMES = ("background", "dog", "person")


def metrics(mean_iou: float | None = 0.5, parameters: int = 100, **values: Any) -> dict[str, Any]:
    """The metrics of a candidate that predicts some foreground correctly."""
    iou = {"background": 0.9, "dog": 0.4, "person": 0.3}
    return {"mean_iou": mean_iou, "pixel_accuracy": 0.8, "parameters": parameters, "per_class_iou": iou, **values}


def smoke_test_result(*problems: str, latency: float | None = 0.01) -> dict[str, Any]:
    return {"passed": not problems, "problems": list(problems), "latency_seconds": latency}


def selection_of(
    candidates: dict[str, dict[str, Any]],
    *,
    baseline: dict[str, Any] | None = None,
    baseline_problem: str | None = None,
    differences: dict[str, Any] | None = None,
    smoke_test: dict[str, Any] | None = None,
    **settings: Any,
) -> Selection:
    evaluation: dict[str, Any] = {"candidates": candidates, "baseline": baseline, "baseline_problem": baseline_problem}
    if differences is not None:
        evaluation["differences"] = differences
    tested = {name: smoke_test_result() for name in candidates} | (smoke_test or {})
    return select(evaluation, {"candidates": tested}, SelectionConfig(**settings))
