"""An experiment's page, and its figures as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from pipeline.experiment.crops import Crop
from pipeline.experiment.figures import Arm, races, sharper
from pipeline.report.charts import Line, axis_end, line_chart
from pipeline.report.detector import Detector
from pipeline.report.page import report_environment

SCRATCH, TRANSFER, STAIRS, MENDED = "fcn8", "fcn8_transfer", "fcn8", "fcn4"
"""The candidates that the experiment's two claims are about."""

_CURVES = {"val_mean_iou": "mean IoU", "val_accuracy": "pixel accuracy", "val_loss": "loss"}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What an experiment came to.

    Attributes:
        arms: the networks.
        seeds: that each was trained from.
        crops: pieces of predictions at the objects' borders, of the first seed.
        detector: that was transferred; `None` without one.
        configs: the runs' settings that are not the defaults.
    """

    arms: Sequence[Arm]
    seeds: Sequence[int]
    crops: Sequence[Crop]
    detector: Detector | None
    configs: Sequence[Mapping[str, Any]]

    def arm(self, name: str) -> Arm | None:
        """An arm by its name."""
        return next((arm for arm in self.arms if arm.name == name), None)


def results_as_json(experiment: Experiment) -> dict[str, Any]:
    """The experiment's figures: `arms`, `transfer` (a race a seed), `boundary` (a difference a seed), `detector`."""
    claims = _claims(experiment)
    return {
        "seeds": list(experiment.seeds),
        "arms": [dataclasses.asdict(arm) for arm in experiment.arms],
        "transfer": [{**dataclasses.asdict(race), "within_a_third": race.within_a_third} for race in claims["races"]],
        "boundary": {"of": [MENDED, STAIRS], "differences": claims["sharper"]},
        "detector": dict(experiment.detector.figures) if experiment.detector else None,
        "configs": list(experiment.configs),
    }


def experiment_page(experiment: Experiment) -> str:
    """Makes the page: HTML that needs no other file and no network."""
    environment = report_environment("pipeline.experiment")
    series = {arm.name: number for number, arm in enumerate(experiment.arms, start=1)}
    ends = [end for arm in experiment.arms for end in (max(arm.mean_iou), *(arm.mean_iou_interval or ()))]
    return environment.get_template("experiment.html.jinja").render(
        experiment=experiment,
        series=series,
        charts=_charts(experiment.arms, series),
        iou_end=axis_end(ends),
        mean=lambda values: sum(values) / len(values),
        scratch=SCRATCH,
        transfer=TRANSFER,
        stairs=STAIRS,
        mended=MENDED,
        **_claims(experiment),
    )


def _claims(experiment: Experiment) -> dict[str, Any]:
    scratch, transfer = experiment.arm(SCRATCH), experiment.arm(TRANSFER)
    stairs, mended = experiment.arm(STAIRS), experiment.arm(MENDED)
    return {
        "races": races(experiment.seeds, scratch, transfer) if scratch and transfer else [],
        "sharper": sharper(mended, stairs) if stairs and mended else [],
    }


def _charts(arms: Sequence[Arm], series: Mapping[str, int]) -> list[tuple[str, Markup]]:
    """A chart a metric, on val."""
    names = ", ".join(arm.name for arm in arms)
    return [
        (
            title,
            line_chart(
                f"{title} on val by epoch, mean over the seeds, of {names}",
                [line for arm in arms for line in _lines(arm, series[arm.name], metric)],
                None if metric == "val_loss" else 1.0,
            ),
        )
        for metric, title in _CURVES.items()
    ]


def _lines(arm: Arm, series: int, metric: str) -> list[Line]:
    """A network's mean, and its single trainings where there are several."""
    each = [Line(arm.name, series, list(history[metric]), dashed=True) for history in arm.histories]
    return [*(each if len(each) > 1 else []), Line(arm.name, series, arm.curve(metric))]
