"""The models that a report compares, and the difference between each two of them."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

from components.run_files import BASELINE_MODEL
from pipeline.report.charts import NUM_SERIES
from pipeline.report.contents import RunContents, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclasses.dataclass(frozen=True)
class Model:
    """A candidate, or the model in service.

    Attributes:
        name: its name in the evaluation.
        label: its name on the page.
        series: the number of its colour; 0 for the model in service.
        figures: its figures in `evaluation.json`.
        outcome: `published`, `best`, `refused`, `in service` or empty.
    """

    name: str
    label: str
    series: int
    figures: Mapping[str, Any]
    outcome: str = ""

    def figure(self, *keys: str) -> Any:
        """Returns the figure at a path of keys; `None` if the evaluation does not have it."""
        return value_at(self.figures, *keys)

    @property
    def interval(self) -> Sequence[float] | None:
        """The 95 % interval of the mean IoU; `None` if the evaluation does not have it."""
        interval: Sequence[float] | None = self.figures.get("mean_iou_interval")
        return interval


@dataclasses.dataclass(frozen=True)
class Difference:
    """The difference between the mean IoU of two models on the same images.

    Attributes:
        better: the model with the higher mean IoU.
        worse: the other model.
        mean_iou: the difference, 0 or more.
        interval: its 95 % interval; `None` if the evaluation does not have it.
    """

    better: Model
    worse: Model
    mean_iou: float
    interval: tuple[float, float] | None

    @property
    def significant(self) -> bool:
        """Whether there is an interval and it does not contain 0."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


def compared_models(contents: RunContents) -> list[Model]:
    """Returns the candidates in descending order of mean IoU, then the model in service."""
    evaluation = contents.evaluation or {}
    candidates = value_at(evaluation, "candidates") or {}
    outcomes = {value_at(contents.selection, "selected"): "published" if contents.published else "best"}
    outcomes |= dict.fromkeys(value_at(contents.selection, "refused") or (), "refused")
    models = [
        Model(name, name, 1 + number % NUM_SERIES, figures, outcomes.get(name, ""))
        for number, (name, figures) in enumerate(candidates.items())
    ]
    models.sort(key=lambda model: -(model.figure("mean_iou") or 0.0))
    if evaluation.get("baseline"):
        models.append(Model(BASELINE_MODEL, "in service", 0, evaluation["baseline"], "in service"))
    return models


def model_differences(evaluation: Mapping[str, Any] | None, models: Sequence[Model]) -> list[Difference]:
    """Returns the difference for each pair of models; empty if the evaluation has no differences."""
    table = value_at(evaluation, "differences")
    found = []
    for one, other in itertools.combinations(models, 2):
        entry, reversed_entry = value_at(table, one.name, other.name), value_at(table, other.name, one.name)
        if entry is None and reversed_entry is not None:
            entry = _negated(reversed_entry)
        if entry is None or entry.get("mean_iou") is None:
            continue
        better, worse = one, other
        if entry["mean_iou"] < 0:
            better, worse, entry = other, one, _negated(entry)
        ends = entry.get("interval")
        found.append(Difference(better, worse, entry["mean_iou"], (min(ends), max(ends)) if ends else None))
    return found


def _negated(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a difference in the opposite direction."""
    mean_iou, ends = entry.get("mean_iou"), entry.get("interval")
    return {
        "mean_iou": None if mean_iou is None else -mean_iou,
        "interval": [-end for end in ends] if ends else None,
    }
