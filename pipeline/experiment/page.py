"""The page of an experiment, and its figures as JSON."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pipeline.display.devkit_report import counted
from pipeline.experiment.figures import Arm, Speedup, boundary_differences, speedups
from pipeline.report.charts import Line, axis_end, line_chart
from pipeline.report.page import report_environment
from tfds_voc_seg.label_set import VOC_LABELS, LabelSet
from tfds_voc_seg.records.files import VAL_SPLIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from pipeline.experiment.crops import Crop
    from pipeline.report.detector import Detector

FCN8, FCN8_TRANSFER, FCN4 = "fcn8", "fcn8_transfer", "fcn4"
"""The candidates of the two claims: transfer speeds FCN-8 up, and FCN-4 has better boundaries than FCN-8."""

_CURVES = {"val_mean_iou": "mean IoU", "val_accuracy": "pixel accuracy", "val_loss": "loss"}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The results of an experiment.

    Attributes:
        arms: the networks.
        seeds: the seeds that each network was trained with.
        crops: crops of the predictions at the objects' borders, of the networks with the first seed.
        detector: the detector whose backbone was transferred; `None` if there was none.
        configs: the settings of the runs that differ from the defaults.
        labels: the classes with their colours.
        split: the split of the figures and crops; the curves are of val.
    """

    arms: Sequence[Arm]
    seeds: Sequence[int]
    crops: Sequence[Crop]
    detector: Detector | None
    configs: Sequence[Mapping[str, Any]]
    labels: LabelSet = VOC_LABELS
    split: str = VAL_SPLIT

    def arm(self, name: str) -> Arm | None:
        """Returns the network with a name; `None` if there is none."""
        return next((arm for arm in self.arms if arm.name == name), None)

    def speedups(self) -> list[Speedup]:
        """Compares FCN-8 with and without transfer; empty if one of them is missing."""
        scratch, transfer = self.arm(FCN8), self.arm(FCN8_TRANSFER)
        return speedups(self.seeds, scratch, transfer) if scratch and transfer else []

    def boundary_differences(self) -> list[float]:
        """Compares the boundary IoU of FCN-4 with that of FCN-8; empty if one of them is missing."""
        fcn4, fcn8 = self.arm(FCN4), self.arm(FCN8)
        return boundary_differences(fcn4, fcn8) if fcn4 and fcn8 else []


def results_as_json(experiment: Experiment) -> dict[str, Any]:
    """Returns the experiment's figures; those in `transfer` and in `boundary` have one entry per seed."""
    return {
        "split": experiment.split,
        "seeds": list(experiment.seeds),
        "arms": [dataclasses.asdict(arm) for arm in experiment.arms],
        "transfer": [
            {**dataclasses.asdict(speedup), "within_a_third": speedup.within_a_third}
            for speedup in experiment.speedups()
        ],
        "boundary": {"of": [FCN4, FCN8], "differences": experiment.boundary_differences()},
        "detector": dict(experiment.detector.figures) if experiment.detector else None,
        "configs": list(experiment.configs),
    }


def experiment_page(experiment: Experiment) -> str:
    """Renders the page: HTML that needs no other file and no network."""
    environment = report_environment(experiment.labels, "pipeline.experiment")
    series = {arm.name: number for number, arm in enumerate(experiment.arms, start=1)}
    several_seeds = len(experiment.seeds) > 1
    ends = [end for arm in experiment.arms for end in (max(arm.mean_iou), *(arm.mean_iou_interval or ()))]
    return environment.get_template("experiment.html.jinja").render(
        experiment=experiment,
        series=series,
        charts=_charts(experiment.arms, series, several_seeds=several_seeds),
        several_seeds=several_seeds,
        iou_end=axis_end(ends),
        mean=lambda values: sum(values) / len(values),
        counted=counted,
        scratch=FCN8,
        transfer=FCN8_TRANSFER,
        fcn8=FCN8,
        fcn4=FCN4,
        speedups=experiment.speedups(),
        differences=experiment.boundary_differences(),
    )


def _charts(arms: Sequence[Arm], series: Mapping[str, int], *, several_seeds: bool) -> list[tuple[str, Markup]]:
    """Draws one chart per metric on the val split; returns pairs of title and chart."""
    names = ", ".join(arm.name for arm in arms)
    return [
        (
            title,
            line_chart(
                f"{title} on val by epoch, {'mean over the seeds, ' if several_seeds else ''}of {names}",
                [line for arm in arms for line in _lines(arm, series[arm.name], metric)],
                None if metric == "val_loss" else 1.0,
            ),
        )
        for metric, title in _CURVES.items()
    ]


def _lines(arm: Arm, series: int, metric: str) -> list[Line]:
    """Returns the mean of a network's trainings and, if there are several, a dashed line per training."""
    each = [Line(arm.name, series, list(history[metric]), dashed=True) for history in arm.histories]
    return [*(each if len(each) > 1 else []), Line(arm.name, series, arm.curve(metric))]
