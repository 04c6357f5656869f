"""The selection as a pure function: which candidate is published, and the reasons."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.model_selector.selection import select
from components.model_selector.selection_config import SelectionConfig
from tests.components.model_selector.made_results import NAMES, metrics, selection_of, smoke_test_result


@pytest.mark.parametrize(
    ("candidates", "baseline", "minimum", "selected", "publish", "reason"),
    [
        (
            {"a": 0.5, "b": 0.6},
            None,
            0.0,
            "b",
            True,
            "best of 2 candidate(s), with mean_iou 0.6000; no model is in service",
        ),
        ({"a": 0.6}, 0.5, 0.0, "a", True, "and it beats the model in service (0.5000)"),
        ({"a": 0.6}, 0.6, 0.0, "a", False, "but it does not beat the model in service (0.6000)"),
        ({"a": 0.6}, 0.7, 0.0, "a", False, "does not beat"),
        ({"a": 0.6}, 0.5, 0.2, "a", False, "does not beat the model in service (0.5000) by at least 0.2"),
        ({"a": 0.75}, 0.5, 0.25, "a", True, "beats"),
        ({"a": 0.6}, 0.5, 0.1, "a", True, "beats"),  # in floating point, 0.6 - 0.5 < 0.1
    ],
)
def test_the_best_is_published_if_it_beats_the_model_in_service(
    candidates: dict[str, float], baseline: float | None, minimum: float, selected: str, publish: bool, reason: str
) -> None:
    selection = selection_of(
        {name: metrics(value) for name, value in candidates.items()},
        baseline=None if baseline is None else metrics(baseline),
        min_improvement=minimum,
    )
    assert (selection.selected, selection.publish) == (selected, publish)
    assert reason in selection.reason
    assert selection.candidates[selected] == f"{'chosen' if publish else 'best, but not published'}: {selection.reason}"


def test_each_candidate_gets_a_reason() -> None:
    selection = selection_of(
        {"a": metrics(0.5), "b": metrics(0.6, 200), "c": metrics(0.6, 1000), "d": metrics(0.9)},
        smoke_test={"d": smoke_test_result("load: no such file", "latency: none")},
    )
    assert (selection.selected, selection.refused) == ("b", ("d",))
    assert selection.candidates == {
        "a": "not chosen: its mean_iou is 0.5000, b has 0.6000",
        "b": "chosen: b is the best of 3 candidate(s) that may be published (1 refused), with mean_iou 0.6000; "
        "no model is in service",
        "c": "not chosen: its mean_iou of 0.6000 ties with b, which ranks first (200 parameters, c has 1,000)",
        "d": "refused: the smoke test failed: load: no such file; latency: none",
    }


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"min_mean_iou": 0.51}, "mean_iou is 0.5000, below selection.min_mean_iou=0.51"),
        ({"min_class_iou": {"dog": 0.41}}, "the IoU of dog is 0.4000, below selection.min_class_iou.dog=0.41"),
        ({"min_class_iou": {"cat": 0.0}}, "the IoU of cat was not measured (does it occur in the evaluated split?)"),
        ({"max_latency_seconds": 0.005}, "the latency is 0.01 s per photo, above selection.max_latency_seconds=0.005"),
        ({"metric": "mean_dice"}, "its mean_dice is not a number"),
    ],
)
def test_a_candidate_below_a_threshold_is_refused(settings: dict[str, Any], reason: str) -> None:
    selection = selection_of({"a": metrics()}, **settings)
    assert (selection.selected, selection.publish) == (None if "metric" in settings else "a", False)
    assert selection.reason == f"no candidate may be published: a is {selection.candidates['a']}"
    assert reason in selection.reason


def test_a_candidate_that_exactly_meets_the_thresholds_is_accepted() -> None:
    exact: dict[str, Any] = {
        "min_mean_iou": 0.5,
        "min_class_iou": {"dog": 0.4, "background": 0.9},
        "max_latency_seconds": 0.01,
    }
    assert selection_of({"a": metrics()}, **exact).publish


def test_the_next_best_is_selected_if_the_best_is_refused() -> None:
    good, refused = metrics(0.4), metrics(0.9, per_class_iou={"background": 0.9, "dog": 0.0, "person": 0.9})
    selection = selection_of({"a": good, "b": refused}, min_class_iou={"dog": 0.2})
    assert (selection.selected, selection.publish) == ("a", True)
    assert selection.candidates["b"].startswith("refused: the IoU of dog is 0.0000")


def test_an_unmeasured_latency_is_refused_only_if_a_maximum_is_set() -> None:
    unmeasured = {"a": smoke_test_result(latency=None)}
    assert selection_of({"a": metrics()}, smoke_test=unmeasured).publish
    refused = selection_of({"a": metrics()}, smoke_test=unmeasured, max_latency_seconds=1.0)
    assert "its latency was not measured" in refused.reason


def test_a_candidate_without_a_smoke_test_is_refused() -> None:
    evaluation: dict[str, Any] = {"candidates": {"a": metrics()}, "baseline": None, "baseline_problem": None}
    selection = select(evaluation, {"candidates": {}}, SelectionConfig())
    assert not selection.publish
    assert "it was not smoke-tested" in selection.reason


@pytest.mark.parametrize(
    ("iou", "confusion", "reason"),
    [
        # predicts background everywhere, and a class is absent
        ([0.8, 0.0, None], [[80, 0, 0], [20, 0, 0], [0, 0, 0]], "it predicts background only"),
        # detects the foreground but confuses its classes: no foreground pixel is correct
        (
            [1.0, 0.0, 0.0],
            [[80, 0, 0], [0, 0, 10], [0, 10, 0]],
            "no foreground class of the evaluated split has an IoU above 0",
        ),
        # a few correct foreground pixels are not enough
        ([0.8, 0.0, 1 / 11], [[79, 0, 1], [10, 0, 0], [9, 0, 1]], None),
        (
            [72 / 93, 0.0, 1e-3],
            [[7200, 100, 100], [1000, 0, 0], [900, 0, 1]],
            "no better than that of predicting background everywhere",
        ),
        # predicting foreground everywhere is worse than predicting background everywhere
        (
            [0.0, 0.1, 0.0],
            [[0, 80, 0], [0, 10, 0], [0, 10, 0]],
            "its mean_iou of 0.0333 is no better than that of predicting background everywhere (0.2667)",
        ),
        ([0.9, None, None], [[90, 5, 5], [0, 0, 0], [0, 0, 0]], "no foreground class occurs in the evaluated split"),
        ([0.9, 0.3, 0.0], [[80, 0, 0], [7, 3, 0], [10, 0, 0]], None),
    ],
)
def test_a_network_that_predicts_only_background_is_refused_by_default(
    iou: list[float | None], confusion: list[list[int]], reason: str | None
) -> None:
    values = [value for value in iou if value is not None]
    candidate = metrics(
        sum(values) / len(values), per_class_iou=dict(zip(NAMES, iou, strict=True)), confusion_matrix=confusion
    )
    selection = selection_of({"a": candidate})
    assert selection.publish == (reason is None)
    assert (reason or "no model is in service") in selection.reason
    assert selection.selected == "a"
    assert not selection_of({"a": candidate}, baseline=metrics(0.0)).publish or reason is None
    assert selection_of({"a": candidate}, publish_background_only=True).publish


def test_an_incomparable_model_in_service_is_replaced_only_if_configured() -> None:
    problem: dict[str, Any] = {"baseline_problem": "the model in service has other classes"}
    kept = selection_of({"a": metrics()}, **problem)
    assert not kept.publish
    assert "other classes; to replace it, set selection.replace_incomparable=true" in kept.reason
    assert selection_of({"a": metrics()}, **problem, replace_incomparable=True).publish
    unmeasured = selection_of({"a": metrics()}, baseline=metrics(None))
    assert not unmeasured.publish
    assert "the mean_iou of the model in service is not a number" in unmeasured.reason


@pytest.mark.parametrize(
    ("interval", "publish", "reason"),
    [
        ([0.01, 0.2], True, "; the 95 % interval of the difference is 0.0100 to 0.2000, above 0"),
        ([0.0, 0.2], False, "selection.beyond_interval requires it to be above 0"),
        ([-0.1, 0.3], False, ", but the 95 % interval of the difference is -0.1000 to 0.3000"),
        (None, False, "the interval that selection.beyond_interval requires was not measured"),
        ([None, None], False, "the interval that selection.beyond_interval requires was not measured"),
    ],
)
def test_the_interval_must_be_above_0_if_configured(interval: list[float] | None, publish: bool, reason: str) -> None:
    differences = {"a": {"in-service": {"mean_iou": 0.1, "interval": interval}}}
    better: dict[str, Any] = {"baseline": metrics(0.4), "differences": differences}
    selection = selection_of({"a": metrics(0.5)}, **better, beyond_interval=True)
    assert selection.publish == publish
    assert reason in selection.reason
    assert selection_of({"a": metrics(0.5)}, **better).publish
    assert not selection_of({"a": metrics(0.5)}, **better, beyond_interval=True, min_improvement=0.2).publish
    assert not selection_of({"a": metrics(0.5)}, baseline=metrics(0.4), beyond_interval=True).publish


def test_each_metric_of_the_evaluation_can_select() -> None:
    candidates = {
        "a": metrics(0.6, mean_dice=0.1, boundary_iou=0.2),
        "b": metrics(0.5, mean_dice=0.2, boundary_iou=0.1),
    }
    assert selection_of(candidates, metric="mean_dice").selected == "b"
    assert selection_of(candidates, metric="boundary_iou").selected == "a"


def test_a_candidate_that_was_not_evaluated_is_refused() -> None:
    why = "the smoke test failed: load: no"
    evaluation: dict[str, Any] = {"candidates": {"b": metrics(0.5)}, "baseline": None, "baseline_problem": None}
    evaluation["not_evaluated"] = {"a": why}
    tested = {"candidates": {"a": smoke_test_result("load: no"), "b": smoke_test_result()}}
    selection = select(evaluation, tested, SelectionConfig())
    assert (selection.selected, selection.publish, selection.refused) == ("b", True, ("a",))
    assert list(selection.candidates) == ["b", "a"]
    assert selection.candidates["a"] == f"refused: {why}"

    selection = select({**evaluation, "candidates": {}}, tested, SelectionConfig())
    assert (selection.selected, selection.publish, selection.refused) == (None, False, ("a",))
    assert selection.reason == f"no candidate may be published: a is refused: {why}"


def test_no_candidate_is_an_error() -> None:
    with pytest.raises(ValueError, match="there are no candidates"):
        selection_of({})


MEASURED = st.one_of(st.none(), st.just(math.nan), st.just(math.inf), st.floats(0, 1), st.sampled_from([0.25, 0.5]))


@given(
    candidates=st.dictionaries(
        st.sampled_from("abcde"), st.tuples(MEASURED, st.integers(1, 3), st.booleans(), MEASURED), min_size=1
    ),
    baseline=st.one_of(st.none(), MEASURED),
    minimum=st.floats(0, 0.5),
    lowest=st.floats(0, 1),
)
def test_properties_of_the_selection_for_arbitrary_measurements(
    candidates: dict[str, Any], baseline: float | None, minimum: float, lowest: float
) -> None:
    iou = {name: {"background": 0.9, "dog": dog} for name, (_, _, _, dog) in candidates.items()}
    selection = selection_of(
        {name: metrics(value, size, per_class_iou=iou[name]) for name, (value, size, _, _) in candidates.items()},
        baseline=None if baseline is None else metrics(baseline),
        smoke_test={
            name: smoke_test_result() if passed else smoke_test_result("load: no")
            for name, (_, _, passed, _) in candidates.items()
        },
        min_improvement=minimum,
        min_mean_iou=lowest,
    )
    may = {
        name: (-value, size, name)
        for name, (value, size, passed, dog) in candidates.items()
        if value is not None and math.isfinite(value) and value >= lowest and passed
        if dog is not None and math.isfinite(dog) and dog > 0
    }
    assert {*selection.refused} == {*candidates} - {*may}
    assert list(selection.candidates) == list(candidates)
    assert all(selection.candidates.values())
    assert selection.reason
    if may:
        assert selection.selected == min(may, key=lambda name: may[name])
    if selection.publish:
        assert selection.selected in may
        if baseline is not None:
            assert candidates[selection.selected][0] > baseline


@pytest.mark.parametrize(
    ("iou", "confusion", "reason"),
    [
        # the most frequent class everywhere
        ([0.0, 0.7], [[0, 30], [0, 70]], "its mean_iou of 0.3500 is no better than that of predicting road everywhere"),
        ([0.2, 0.7], [[6, 24], [0, 70]], None),
        ([0.0, 0.0], [[0, 30], [70, 0]], "it predicts no class of the evaluated split correctly"),
    ],
)
def test_without_background_the_most_frequent_class_is_the_trivial_baseline(
    iou: list[float], confusion: list[list[int]], reason: str | None
) -> None:
    candidate = metrics(
        sum(iou) / 2, per_class_iou=dict(zip(("sky", "road"), iou, strict=True)), confusion_matrix=confusion
    )
    evaluation: dict[str, Any] = {
        "candidates": {"a": candidate},
        "baseline": None,
        "baseline_problem": None,
        "labels": {"background": None},
    }
    selection = select(evaluation, {"candidates": {"a": smoke_test_result()}}, SelectionConfig())
    assert selection.publish == (reason is None)
    assert (reason or "") in selection.reason
