"""Selects the candidate to publish and gives the reasons: a pure function of the evaluation and the smoke test."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from components.model_selector.thresholds import measured, refusals
from components.run_files import BASELINE_MODEL
from tfds_voc_seg.labels import BACKGROUND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.model_selector.selection_config import SelectionConfig

_ROUNDING = 1e-12  # in floating point, 0.6 - 0.5 is slightly less than 0.1


@dataclasses.dataclass(frozen=True)
class Selection:
    """The result of the selection.

    Attributes:
        selected: the best candidate that may be published; if all are refused, the best of all candidates; `None` if no
            candidate has a value of the metric.
        publish: whether to publish the selected candidate.
        reason: a sentence for the user: why it is or is not published.
        candidates: candidate → a sentence for the user: chosen, not chosen or refused, and why.
        refused: the candidates that may not be published, independently of the other candidates.
    """

    selected: str | None
    publish: bool
    reason: str
    candidates: dict[str, str]
    refused: tuple[str, ...]


def select(evaluation: Mapping[str, Any], smoke_test: Mapping[str, Any], config: SelectionConfig) -> Selection:
    """Selects the best of the candidates that may be published and compares it with the model in service.

    Args:
        evaluation: the content of `evaluation.json`: `candidates`, `not_evaluated`, `baseline`, `baseline_problem`,
            `differences` and `labels` are used.
        smoke_test: the content of `smoke_test.json`: `candidates` is used.
        config: the conditions.

    Returns:
        The selection. If candidates tie, the smaller network ranks first, then the name in alphabetical order.

    Raises:
        ValueError: there is no candidate.
    """
    candidates, not_evaluated = evaluation["candidates"], evaluation.get("not_evaluated") or {}
    if not (candidates or not_evaluated):
        raise ValueError("there are no candidates to select from")
    background = evaluation["labels"]["background"] if "labels" in evaluation else BACKGROUND
    reasons = {
        name: refusals(candidates[name], smoke_test["candidates"].get(name), config, background) for name in candidates
    }
    reasons |= {name: [why] for name, why in not_evaluated.items()}
    refused = tuple(name for name, why in reasons.items() if why)
    results = {name: f"refused: {'; '.join(reasons[name])}" for name in refused}
    allowed = [name for name in candidates if name not in refused]
    if not allowed:
        known = [name for name in candidates if measured(candidates[name], config.metric) is not None]
        best_of_all = _best(candidates, known, config.metric) if known else None
        listed = "; ".join(f"{name} is {result}" for name, result in results.items())
        return Selection(best_of_all, False, f"no candidate may be published: {listed}", results, refused)

    best = _best(candidates, allowed, config.metric)
    publish, verdict = _compared_with_baseline(evaluation, best, config)
    value = candidates[best][config.metric]
    number = f"{len(allowed)} candidate(s)" + (f" that may be published ({len(refused)} refused)" if refused else "")
    reason = f"{best} is the best of {number}, with {config.metric} {value:.4f}{verdict}"
    results[best] = f"{'chosen' if publish else 'best, but not published'}: {reason}"
    for name in allowed:
        if name != best:
            results[name] = _why_not_chosen(candidates, name, best, config.metric)
    return Selection(best, publish, reason, {name: results[name] for name in reasons}, refused)


def _best(candidates: Mapping[str, Any], names: list[str], metric: str) -> str:
    return min(names, key=lambda name: (-candidates[name][metric], candidates[name]["parameters"], name))


def _why_not_chosen(candidates: Mapping[str, Any], name: str, best: str, metric: str) -> str:
    own, better = candidates[name], candidates[best]
    if own[metric] < better[metric]:
        return f"not chosen: its {metric} is {own[metric]:.4f}, {best} has {better[metric]:.4f}"
    sizes = f"{better['parameters']:,} parameters, {name} has {own['parameters']:,}"
    return f"not chosen: its {metric} of {own[metric]:.4f} ties with {best}, which ranks first ({sizes})"


def _compared_with_baseline(evaluation: Mapping[str, Any], best: str, config: SelectionConfig) -> tuple[bool, str]:
    """Returns whether the best candidate replaces the model in service, and the end of the sentence with the reason."""
    baseline, problem = evaluation["baseline"], evaluation["baseline_problem"]
    baseline_value = None if baseline is None else measured(baseline, config.metric)
    if baseline_value is None:
        if baseline is not None:
            problem = f"the {config.metric} of the model in service is not a number, so it is not compared"
        return _without_comparison(problem, config)
    improvement = evaluation["candidates"][best][config.metric] - baseline_value
    if improvement <= 0 or improvement < config.min_improvement - _ROUNDING:
        minimum = f" by at least {config.min_improvement:g}" if config.min_improvement else ""
        return False, f", but it does not beat the model in service ({baseline_value:.4f}){minimum}"
    verdict = f", and it beats the model in service ({baseline_value:.4f})"
    if not config.beyond_interval:
        return True, verdict
    difference = (evaluation.get("differences") or {}).get(best, {}).get(BASELINE_MODEL) or {}
    interval = difference.get("interval")
    if not interval or None in interval:
        return False, f"{verdict}, but the interval that selection.beyond_interval requires was not measured"
    low, high = interval
    limits = f"the 95 % interval of the difference is {low:.4f} to {high:.4f}"
    if low > 0:
        return True, f"{verdict}; {limits}, above 0"
    return False, f"{verdict}, but {limits}, and selection.beyond_interval requires it to be above 0"


def _without_comparison(problem: str | None, config: SelectionConfig) -> tuple[bool, str]:
    if problem is None:
        return True, "; no model is in service"
    if config.replace_incomparable:
        return True, f"; {problem}, but is replaced because of selection.replace_incomparable=true"
    return False, f"; {problem}; to replace it, set selection.replace_incomparable=true"
