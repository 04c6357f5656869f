"""Which candidate is published, and why: a pure function of the evaluation and the smoke test."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from components.artifacts.candidates import BASELINE_MODEL
from components.model_selector.selection_config import SelectionConfig
from components.model_selector.thresholds import measured, refusals

_ROUNDING = 1e-12  # 0.6 - 0.5 is a little less than 0.1


@dataclasses.dataclass(frozen=True)
class Selection:
    """The outcome.

    Attributes:
        selected: the best candidate that may be published; where none may, the best of all, for the record; `None`
            where none has a figure.
        publish: whether it is to be published.
        reason: why, in words.
        candidates: candidate → what became of it and why, in words.
        refused: the candidates that may not be published, whatever the others are.
    """

    selected: str | None
    publish: bool
    reason: str
    candidates: dict[str, str]
    refused: tuple[str, ...]


def select(evaluation: Mapping[str, Any], smoke_test: Mapping[str, Any], config: SelectionConfig) -> Selection:
    """Picks the best of the candidates that may be published and compares it with the model in service.

    Args:
        evaluation: as SegmentationEvaluator writes it: `candidates`, `not_evaluated`, `baseline`, `baseline_problem`,
            `differences`.
        smoke_test: as ModelSmokeTest writes it: `candidates`.
        config: what is asked for.

    Returns:
        The selection. Ties go to the smaller network, then to the name that comes first.

    Raises:
        ValueError: there is no candidate.
    """
    candidates, not_evaluated = evaluation["candidates"], evaluation.get("not_evaluated") or {}
    if not (candidates or not_evaluated):
        raise ValueError("there is no candidate to select from")
    why_not = {name: refusals(candidates[name], smoke_test["candidates"].get(name), config) for name in candidates}
    why_not |= {name: [why] for name, why in not_evaluated.items()}
    refused = tuple(name for name, reasons in why_not.items() if reasons)
    said = {name: f"refused: {'; '.join(why_not[name])}" for name in refused}
    passing = [name for name in candidates if name not in refused]
    if not passing:
        known = [name for name in candidates if measured(candidates[name], config.metric) is not None]
        best_of_all = _best(candidates, known, config.metric) if known else None
        listed = "; ".join(f"{name} is {text}" for name, text in said.items())
        return Selection(best_of_all, False, f"no candidate may be published: {listed}", said, refused)

    best = _best(candidates, passing, config.metric)
    publish, verdict = _against_baseline(evaluation, best, config)
    value = candidates[best][config.metric]
    of_how_many = f"{len(passing)} candidate(s)" + (
        f" that may be published, {len(refused)} refused" if refused else ""
    )
    reason = f"{best} is the best of {of_how_many}, with {config.metric} {value:.4f}{verdict}"
    said[best] = f"{'chosen' if publish else 'best, but not published'}: {reason}"
    for name in passing:
        if name != best:
            said[name] = _second(candidates, name, best, config.metric)
    return Selection(best, publish, reason, {name: said[name] for name in why_not}, refused)


def _best(candidates: Mapping[str, Any], names: list[str], metric: str) -> str:
    return min(names, key=lambda name: (-candidates[name][metric], candidates[name]["parameters"], name))


def _second(candidates: Mapping[str, Any], name: str, best: str, metric: str) -> str:
    own, better = candidates[name], candidates[best]
    if own[metric] < better[metric]:
        return f"not chosen: {metric} is {own[metric]:.4f}, and {best} has {better[metric]:.4f}"
    sizes = f"{own['parameters']:,} parameters against {better['parameters']:,}"
    return f"not chosen: {metric} is {own[metric]:.4f} as that of {best}, which goes first ({sizes})"


def _against_baseline(evaluation: Mapping[str, Any], best: str, config: SelectionConfig) -> tuple[bool, str]:
    """Compares with the model in service: whether to publish, and the end of the sentence that says why."""
    baseline, problem = evaluation["baseline"], evaluation["baseline_problem"]
    standing = None if baseline is None else measured(baseline, config.metric)
    if baseline is not None and standing is None:
        problem = f"the model in service has no {config.metric} that is a number: not compared"
    if standing is None:
        if problem is None:
            return True, "; no model is in service"
        if config.replace_incomparable:
            return True, f"; {problem}, replaced as asked"
        return False, f"; {problem}; selection.replace_incomparable=true replaces it"
    improvement = evaluation["candidates"][best][config.metric] - standing
    if improvement <= 0 or improvement < config.min_improvement - _ROUNDING:
        asked = f" by at least {config.min_improvement:g}" if config.min_improvement else ""
        return False, f", and does not beat the model in service ({standing:.4f}){asked}"
    verdict = f", and beats the model in service ({standing:.4f})"
    if not config.beyond_interval:
        return True, verdict
    difference = (evaluation.get("differences") or {}).get(best, {}).get(BASELINE_MODEL) or {}
    interval = difference.get("interval")
    if not interval or None in interval:
        return (
            False,
            f"{verdict}, but no interval of the difference was measured, and selection.beyond_interval asks for it",
        )
    low, high = interval
    if low > 0:
        return True, f"{verdict} beyond luck: the 95 % interval of the difference is {low:.4f} to {high:.4f}"
    return False, f"{verdict}, but perhaps by luck: the 95 % interval of the difference is {low:.4f} to {high:.4f}"
