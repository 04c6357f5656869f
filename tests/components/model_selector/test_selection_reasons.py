"""The reason of a selection, word for word: the user reads it in the run's output, the report and the model card."""

from __future__ import annotations

from components.model_selector.selection import Selection
from tests.components.model_selector.made_results import metrics, selection_of


def test_an_interval_of_another_candidate_is_not_that_of_the_best() -> None:
    of_another = {"b": {"in-service": {"interval": [0.1, 0.2]}}, "a": {"b": {"interval": [0.1, 0.2]}}}
    for differences in (of_another, {"b": of_another["b"]}):
        selection = selection_of(
            {"a": metrics(0.5)}, baseline=metrics(0.4), differences=differences, beyond_interval=True
        )
        assert selection.reason.endswith(
            ", and it beats the model in service (0.4000), "
            "but the interval that selection.beyond_interval requires was not measured"
        )


def test_the_whole_reason() -> None:
    best = "a is the best of 1 candidate(s), with mean_iou 0.5000"
    candidates = {"a": metrics(0.5)}
    assert selection_of(candidates).reason == f"{best}; no model is in service"
    lost = f"{best}, but it does not beat the model in service (0.5000)"
    assert selection_of(candidates, baseline=metrics(0.5)).reason == lost
    minimum = f"{best}, but it does not beat the model in service (0.2500) by at least 0.5"
    assert selection_of(candidates, baseline=metrics(0.25), min_improvement=0.5).reason == minimum
    assert (
        selection_of(candidates, baseline=metrics(0.25)).reason == f"{best}, and it beats the model in service (0.2500)"
    )
    replaced = selection_of(candidates, baseline_problem="it has other classes", replace_incomparable=True).reason
    assert replaced == f"{best}; it has other classes, but is replaced because of selection.replace_incomparable=true"


def test_all_candidates_are_refused_for_several_reasons() -> None:
    selection = selection_of({"a": metrics(0.5), "b": metrics(0.6)}, min_mean_iou=0.75, min_class_iou={"dog": 0.5})
    low = "the IoU of dog is 0.4000, below selection.min_class_iou.dog=0.5"
    assert selection.candidates == {
        "a": f"refused: mean_iou is 0.5000, below selection.min_mean_iou=0.75; {low}",
        "b": f"refused: mean_iou is 0.6000, below selection.min_mean_iou=0.75; {low}",
    }
    assert selection == Selection(
        selected="b",
        publish=False,
        reason=f"no candidate may be published: a is {selection.candidates['a']}; b is {selection.candidates['b']}",
        candidates=selection.candidates,
        refused=("a", "b"),
    )
