"""The reasons why a candidate may not be published, word for word."""

from __future__ import annotations

import math
from typing import Any

import pytest

from components.model_selector.selection_config import SelectionConfig
from components.model_selector.thresholds import measured, refusals
from tests.components.model_selector.made_results import metrics, smoke_test_result

ONE_CLASS_ONLY = {"background": 0.8, "dog": 0.0, "person": None}


@pytest.mark.parametrize(
    ("value", "number"),
    [(0.5, 0.5), (0, 0.0), (-1, -1.0), (True, None), (False, None), ("0.5", None), (None, None)]
    + [(value, None) for value in (math.nan, math.inf, -math.inf)],
)
def test_only_finite_numbers_are_measured(value: Any, number: float | None) -> None:
    assert measured({"mean_iou": value}, "mean_iou") == number
    assert isinstance(measured({"mean_iou": value}, "mean_iou"), float | None)
    assert measured({"mean_iou": value}, "mean_dice") is None


@pytest.mark.parametrize(
    ("values", "settings", "reasons"),
    [
        ({}, {}, []),
        ({}, {"min_mean_iou": 0.5, "min_class_iou": {"dog": 0.4}, "max_latency_seconds": 0.01}, []),
        (
            {},
            {"min_mean_iou": 0.75, "min_class_iou": {"dog": 0.5, "cat": 0.1, "person": 0.3}},
            [
                "mean_iou is 0.5000, below selection.min_mean_iou=0.75",
                "the IoU of dog is 0.4000, below selection.min_class_iou.dog=0.5",
                "the IoU of cat was not measured (does it occur in the evaluated split?), but "
                "selection.min_class_iou.cat requires it",
            ],
        ),
        (
            {},
            {"max_latency_seconds": 0.005},
            ["the latency is 0.01 s per photo, above selection.max_latency_seconds=0.005"],
        ),
        (
            {"mean_iou": None},
            {"min_mean_iou": 0.1},
            [
                "its mean_iou is not a number (does the evaluated split have valid pixels?)",
                "mean_iou was not measured (does it occur in the evaluated split?), but "
                "selection.min_mean_iou requires it",
            ],
        ),
        (
            {"per_class_iou": {"background": 0.9, "dog": None}},
            {},
            [
                "no foreground class occurs in the evaluated split, so whether it predicts more than background is "
                "unknown"
            ],
        ),
        (
            {"per_class_iou": ONE_CLASS_ONLY},
            {},
            ["it predicts background only: no foreground class of the evaluated split has an IoU above 0"],
        ),
        # exactly as good as background everywhere
        (
            {"mean_iou": 0.25, "confusion_matrix": [[2, 2], [2, 2]], "per_class_iou": {"background": 0.2, "dog": 0.3}},
            {},
            ["its mean_iou of 0.2500 is no better than that of predicting background everywhere (0.2500)"],
        ),
        ({"mean_iou": None, "confusion_matrix": [[2, 2, 0]] * 3}, {"metric": "pixel_accuracy"}, []),
        ({"per_class_iou": ONE_CLASS_ONLY}, {"publish_background_only": True}, []),
    ],
)
def test_each_reason(values: dict[str, Any], settings: dict[str, Any], reasons: list[str]) -> None:
    candidate = metrics(**values)
    assert refusals(candidate, smoke_test_result(), SelectionConfig(**settings)) == reasons


def test_the_reasons_of_the_smoke_test() -> None:
    limit = SelectionConfig(max_latency_seconds=1.0)
    unmeasured = "its latency was not measured, but selection.max_latency_seconds requires it"
    assert refusals(metrics(), None, SelectionConfig()) == ["it was not smoke-tested"]
    assert refusals(metrics(), None, limit) == ["it was not smoke-tested", unmeasured]
    assert refusals(metrics(), smoke_test_result(latency=None), limit) == [unmeasured]
    failed = smoke_test_result("load: no such file", "latency: none")
    assert refusals(metrics(), failed, limit) == ["the smoke test failed: load: no such file; latency: none"]


def test_a_label_set_without_background() -> None:
    nothing = metrics(per_class_iou={"sky": 0.0, "road": 0.0})
    reason = "it predicts no class of the evaluated split correctly: none has an IoU above 0"
    assert refusals(nothing, smoke_test_result(), SelectionConfig(), background=None) == [reason]
    one_class = metrics(0.35, per_class_iou={"sky": 0.0, "road": 0.7}, confusion_matrix=[[0, 30], [0, 70]])
    reason = "its mean_iou of 0.3500 is no better than that of predicting road everywhere (0.3500)"
    assert refusals(one_class, smoke_test_result(), SelectionConfig(), background=None) == [reason]
