"""The models that a report compares, and what can be said of any two of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.charts import NUM_SERIES
from pipeline.report.contents import RunContents, known

IN_SERVICE = "in-service"
"""The evaluation's name of the model in service."""


@dataclasses.dataclass(frozen=True)
class Model:
    """A candidate, or the model in service.

    Attributes:
        name: as the evaluation calls it.
        label: as the page calls it.
        series: its colour's number; 0 for the model in service.
        figures: as in `evaluation.json`.
        outcome: `published`, `best`, `refused`, `in service` or nothing.
    """

    name: str
    label: str
    series: int
    figures: Mapping[str, Any]
    outcome: str = ""

    def figure(self, *keys: str) -> Any:
        """A figure by its path of keys; `None` where the evaluation has none."""
        return known(self.figures, *keys)

    @property
    def interval(self) -> Sequence[float] | None:
        """The 95 % interval of the mean IoU."""
        return self.figures.get("mean_iou_interval")


@dataclasses.dataclass(frozen=True)
class Difference:
    """By how much one model's mean IoU is above another's, on the same images.

    Attributes:
        better: the one with the higher mean IoU.
        worse: the other.
        mean_iou: the difference, 0 or more as a rule.
        interval: its 95 % interval; `None` where there is none.
    """

    better: Model
    worse: Model
    mean_iou: float
    interval: tuple[float, float] | None

    @property
    def beyond_luck(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


def compared_models(contents: RunContents) -> list[Model]:
    """The candidates, best mean IoU first, then the model in service."""
    evaluation = contents.evaluation or {}
    candidates = known(evaluation, "candidates") or {}
    outcomes = {known(contents.selection, "selected"): "published" if contents.published else "best"}
    outcomes |= dict.fromkeys(known(contents.selection, "refused") or (), "refused")
    models = [
        Model(name, name, 1 + number % NUM_SERIES, figures, outcomes.get(name, ""))
        for number, (name, figures) in enumerate(candidates.items())
    ]
    models.sort(key=lambda model: -(model.figure("mean_iou") or 0.0))
    if evaluation.get("baseline"):
        models.append(Model(IN_SERVICE, "in service", 0, evaluation["baseline"], "in service"))
    return models


def model_differences(evaluation: Mapping[str, Any] | None, models: Sequence[Model]) -> list[Difference]:
    """Each two models once, the better one first; empty where the evaluation holds no differences."""
    table = known(evaluation, "differences") or {}
    found = []
    for number, one in enumerate(models):
        for other in models[number + 1 :]:
            entry, sign = known(table, one.name, other.name), 1
            if entry is None:
                entry, sign = known(table, other.name, one.name), -1
            if entry is None or entry.get("mean_iou") is None:
                continue
            value = sign * entry["mean_iou"]
            ends = entry.get("interval")
            interval = tuple(sorted(sign * end for end in ends)) if ends else None
            if value < 0:
                value, interval = -value, tuple(sorted(-end for end in interval)) if interval else None
                found.append(Difference(other, one, value, interval))  # type: ignore[arg-type]
            else:
                found.append(Difference(one, other, value, interval))  # type: ignore[arg-type]
    return found
