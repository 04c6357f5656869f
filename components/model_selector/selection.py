"""Which candidate is published, and why: a pure function of the evaluation."""

from __future__ import annotations

import dataclasses
import math
from typing import Any


@dataclasses.dataclass(frozen=True)
class Selection:
    """The outcome.

    Attributes:
        selected: the best candidate's name.
        publish: whether it is to be published.
        reason: why, in words.
    """

    selected: str
    publish: bool
    reason: str


def select(
    evaluation: dict[str, Any], metric: str, min_improvement: float, *, replace_incomparable: bool = False
) -> Selection:
    """Picks the best candidate and compares it with the model in service.

    Args:
        evaluation: as SegmentationEvaluator writes it: `candidates`, `baseline`, `baseline_problem`.
        metric: the figure to compare, `mean_iou` or `pixel_accuracy`.
        min_improvement: by how much the best candidate must exceed the model in service; with 0, by anything.
        replace_incomparable: publish over a model in service that can't be compared with.

    Returns:
        The selection. Ties go to the smaller network.

    Raises:
        ValueError: no candidate, or one whose figure is not a number (a split without a single valid pixel).
    """
    candidates = evaluation["candidates"]
    if not candidates:
        raise ValueError("there is no candidate to select from")
    unmeasured = [name for name, figures in candidates.items() if not math.isfinite(figures[metric])]
    if unmeasured:
        raise ValueError(f"{metric} of {', '.join(unmeasured)} is not a number: is every pixel of the val split void?")
    best = max(candidates, key=lambda name: (candidates[name][metric], -candidates[name]["parameters"]))
    value = candidates[best][metric]
    measured = f"{best} is the best of {len(candidates)} candidate(s) with {metric} {value:.4f}"
    baseline = evaluation["baseline"]
    if baseline is None:
        problem = evaluation["baseline_problem"]
        if problem is None:
            return Selection(best, True, f"{measured}; no model is in service")
        if replace_incomparable:
            return Selection(best, True, f"{measured}; {problem}, replaced as asked")
        return Selection(best, False, f"{measured}; {problem}; selection.replace_incomparable=true replaces it")
    standing = baseline[metric]
    improvement = value - standing
    if improvement > 0 and improvement >= min_improvement:
        return Selection(best, True, f"{measured} and beats the model in service ({standing:.4f})")
    asked = f" by at least {min_improvement:g}" if min_improvement else ""
    return Selection(best, False, f"{measured} and does not beat the model in service ({standing:.4f}){asked}")
