"""What an experiment came to: figures of each network over its seeds, and the claims that it tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.metrics import bootstrap, counts
from components.segmentation_evaluator.segmentation import NETWORK_SIZE
from pipeline.experiment.seeds import seeded

History = Mapping[str, Sequence[float | None]]


@dataclasses.dataclass(frozen=True)
class Arm:
    """One network, trained once for each seed.

    Attributes:
        name: the candidate's.
        image_size: of its input, pixels.
        histories: of its trainings, a seed each.
        mean_iou: of each seed, at the network's size.
        mean_iou_interval: the 95 % interval of the mean over the seeds, from a bootstrap over images.
        pixel_accuracy: of each seed.
        pixel_accuracy_interval: as `mean_iou_interval`.
        boundary_iou: of each seed.
        original_size: mean IoU of each seed at the photos' own size, comparable between inputs of any size; `None`
            where it was not measured.
    """

    name: str
    image_size: int
    histories: Sequence[History]
    mean_iou: Sequence[float]
    mean_iou_interval: Sequence[float] | None
    pixel_accuracy: Sequence[float]
    pixel_accuracy_interval: Sequence[float] | None
    boundary_iou: Sequence[float]
    original_size: Sequence[float] | None

    def curve(self, metric: str) -> list[float]:
        """The mean over the seeds after each epoch; as long as the shortest training."""
        values = [[float(value or 0.0) for value in history[metric]] for history in self.histories]
        return [sum(epoch) / len(epoch) for epoch in zip(*values, strict=False)]


def arm(
    name: str,
    seeds: Sequence[int],
    histories: Mapping[str, History],
    evaluation: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
) -> Arm:
    """Sums up one network.

    Args:
        name: the candidate's, without its seed.
        seeds: what it was trained from.
        histories: candidate with its seed → its training's history.
        evaluation: `evaluation.json`.
        rows: an image each, as `evaluation.read_rows` gives them.
    """
    names = [seeded(name, seed) for seed in seeds]
    figures = [evaluation["candidates"][candidate] for candidate in names]
    num_classes = len(evaluation["class_names"])
    resampled: dict[str, list[np.ndarray]] = {"mean_iou": [], "pixel_accuracy": []}
    for candidate in names:
        images = [counts.from_sparse(row["counts"][candidate][NETWORK_SIZE], num_classes) for row in rows]
        confusions = counts.confusion_of(np.stack(images))
        resampled["mean_iou"].append(bootstrap.bootstrap_mean_iou(confusions))
        resampled["pixel_accuracy"].append(bootstrap.bootstrap_pixel_accuracy(confusions))
    original = [values["original_size"] for values in figures]
    return Arm(
        name=name,
        image_size=evaluation["image_size"],
        histories=[histories[candidate] for candidate in names],
        mean_iou=[values["mean_iou"] for values in figures],
        mean_iou_interval=bootstrap.interval(np.mean(resampled["mean_iou"], axis=0)),
        pixel_accuracy=[values["pixel_accuracy"] for values in figures],
        pixel_accuracy_interval=bootstrap.interval(np.mean(resampled["pixel_accuracy"], axis=0)),
        boundary_iou=[values["boundary_iou"] for values in figures],
        original_size=[values["mean_iou"] for values in original] if all(original) else None,
    )


@dataclasses.dataclass(frozen=True)
class Race:
    """How soon a training with transfer reaches what one without it ends at, with the same seed.

    Attributes:
        seed: of both.
        final: the mean IoU on val after the last epoch without transfer.
        epochs: of the training without transfer.
        reached: the first epoch with transfer whose mean IoU is at least that; `None` where none is.
    """

    seed: int
    final: float
    epochs: int
    reached: int | None

    @property
    def within_a_third(self) -> bool:
        """Whether it took a third of the epochs or less."""
        return self.reached is not None and 3 * self.reached <= self.epochs


def races(seeds: Sequence[int], scratch: Arm, transfer: Arm) -> list[Race]:
    """Compares two networks' trainings, seed by seed."""
    found = []
    for seed, slow, fast in zip(seeds, scratch.histories, transfer.histories, strict=True):
        final = float(slow["val_mean_iou"][-1] or 0.0)
        epochs = (epoch for epoch, value in enumerate(fast["val_mean_iou"], start=1) if (value or 0.0) >= final)
        found.append(Race(seed, final, len(slow["val_mean_iou"]), next(epochs, None)))
    return found


def sharper(one: Arm, other: Arm) -> list[float]:
    """By how much one network's boundary IoU is above the other's, seed by seed."""
    return [first - second for first, second in zip(one.boundary_iou, other.boundary_iou, strict=True)]
