"""The figures of an experiment: each network's metrics over the seeds, and the comparisons behind its two claims."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from components.metrics import bootstrap, counts
from components.segmentation_evaluator.segmentation import NETWORK_SIZE

if TYPE_CHECKING:
    from tfds_voc_seg.image_size import ImageSize
from pipeline.experiment.seeds import seeded_name

History = Mapping[str, Sequence[float | None]]
"""Metric → its value after each epoch."""


@dataclasses.dataclass(frozen=True)
class Arm:
    """One network, trained once per seed.

    Attributes:
        name: the candidate's name.
        image_size: size of the network's input, pixels, see `RecordConfig.image_size`.
        histories: the training histories, one per seed.
        mean_iou: mean IoU at the network's size, one per seed.
        mean_iou_interval: 95 % interval of the mean over the seeds, from a bootstrap over the images.
        pixel_accuracy: pixel accuracy, one per seed.
        pixel_accuracy_interval: as `mean_iou_interval`.
        boundary_iou: boundary IoU, one per seed.
        original_size: mean IoU at the photos' own size, one per seed, which is comparable between networks with inputs
            of different sizes; `None` if it was not measured.
    """

    name: str
    image_size: ImageSize
    histories: Sequence[History]
    mean_iou: Sequence[float]
    mean_iou_interval: Sequence[float] | None
    pixel_accuracy: Sequence[float]
    pixel_accuracy_interval: Sequence[float] | None
    boundary_iou: Sequence[float]
    original_size: Sequence[float] | None

    def curve(self, metric: str) -> list[float]:
        """Returns the mean over the seeds after each epoch, for as many epochs as the shortest training has."""
        values = [[float(value or 0.0) for value in history[metric]] for history in self.histories]
        return [sum(epoch) / len(epoch) for epoch in zip(*values, strict=False)]


def make_arm(
    name: str,
    seeds: Sequence[int],
    histories: Mapping[str, History],
    evaluation: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
) -> Arm:
    """Summarizes one network.

    Args:
        name: the candidate's name, without a seed.
        seeds: the seeds that it was trained with.
        histories: name with seed → training history.
        evaluation: the content of `evaluation.json`.
        rows: one per image, as returned by `evaluation.read_rows`.
    """
    names = [seeded_name(name, seed) for seed in seeds]
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
class Speedup:
    """How soon a training with transfer reaches the final mean IoU of the training without it, for the same seed.

    Attributes:
        seed: the seed of both trainings.
        final: mean IoU on the val split after the last epoch without transfer.
        epochs: the number of epochs without transfer.
        reached: the first epoch with transfer whose mean IoU is at least `final`; `None` if there is no such epoch.
    """

    seed: int
    final: float
    epochs: int
    reached: int | None

    @property
    def within_a_third(self) -> bool:
        """Whether the training with transfer took a third of the epochs or less."""
        return self.reached is not None and 3 * self.reached <= self.epochs


def speedups(seeds: Sequence[int], scratch: Arm, transfer: Arm) -> list[Speedup]:
    """Compares the trainings of two networks, one comparison per seed."""
    found = []
    for seed, slow, fast in zip(seeds, scratch.histories, transfer.histories, strict=True):
        final = float(slow["val_mean_iou"][-1] or 0.0)
        epochs = (epoch for epoch, value in enumerate(fast["val_mean_iou"], start=1) if (value or 0.0) >= final)
        found.append(Speedup(seed, final, len(slow["val_mean_iou"]), next(epochs, None)))
    return found


def boundary_differences(one: Arm, other: Arm) -> list[float]:
    """Returns the boundary IoU of one network minus that of the other, one difference per seed."""
    return [first - second for first, second in zip(one.boundary_iou, other.boundary_iou, strict=True)]
