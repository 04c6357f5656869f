"""The result of an evaluation as JSON values: the metrics of each model, and the differences between models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from components.metrics import bootstrap, counts
from components.run_files import BASELINE_MODEL
from components.saved_model.description import read_description
from components.segmentation_evaluator.doubtful_masks import doubtful_masks
from components.segmentation_evaluator.evaluation import EvaluationSpec, SliceKey, Total, read_rows, read_totals
from components.segmentation_evaluator.example_pictures import write_example_pictures
from components.segmentation_evaluator.segmentation import NETWORK_SIZE, ORIGINAL_SIZE
from components.segmentation_evaluator.slices import SLICES, slice_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from etils import epath
    from numpy.typing import NDArray

    from tfds_voc_seg.label_set import LabelSet

RANKED_IMAGES = 3
"""How many of the best, median and worst images are shown."""


def evaluation_summary(
    spec: EvaluationSpec,
    output: epath.Path,
    split: str,
    baseline_problem: str | None = None,
    original_size_problem: str | None = None,
) -> dict[str, Any]:
    """Summarizes an evaluation after its Beam job has run, and writes the example pictures.

    Args:
        spec: the evaluated models and records; the model in service has the name `BASELINE_MODEL`. Without models the
            summary contains no metrics.
        output: the evaluation's folder.
        split: the split's name.
        baseline_problem: why the model in service is not compared.
        original_size_problem: why there are no metrics at the photos' original size.

    Returns:
        The content of `evaluation.json`: `split`, `class_names`, `labels` (the classes as in `labels.yaml`), `void`
        (`ignore` or `background`), `image_size`, `resize`, `short_side` and `images`; `candidates`, model → metrics at
        the network's size, which include those at the original size (`original_size`) and those of each slice
        (`slices`); `baseline`, the same for the model in service, or null; `differences` between each two models;
        `baseline_problem` and `original_size_problem`; `examples`, the ranked images, which have pictures; and
        `doubtful_masks`, those that the best candidate disagrees with most, see `doubtful_masks`.
    """
    names = spec.class_names
    totals, rows = (read_totals(output), read_rows(output)) if spec.models else ({}, [])
    resampled = resampled_mean_iou(rows, len(names))
    metrics = {
        model: {**_description(folder), **model_metrics(model, totals, resampled, spec.channels)}
        for model, folder in spec.models.items()
    }
    examples = ranked_images(rows)
    candidates = {model: values for model, values in metrics.items() if model != BASELINE_MODEL}
    doubtful = doubtful_masks(rows, _best(candidates), names)
    pictured = [example["image_id"] for example in examples] + (doubtful["pictures"] if doubtful else [])
    write_example_pictures(spec, set(pictured), output)
    return {
        "split": split,
        "class_names": names,
        "labels": spec.channels.as_dict(),
        "void": spec.void,
        "image_size": spec.geometry.image_size,
        "resize": spec.geometry.resize,
        "short_side": spec.geometry.cropped_side if spec.geometry.resize == "crop" else None,
        "images": len(rows),
        "candidates": candidates,
        "baseline": metrics.get(BASELINE_MODEL),
        "baseline_problem": baseline_problem,
        "differences": differences(list(metrics), resampled, metrics),
        "original_size_problem": original_size_problem,
        "examples": examples,
        "doubtful_masks": doubtful,
    }


def resampled_mean_iou(
    rows: Sequence[Mapping[str, Any]], num_classes: int
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Computes the mean IoU of resampled splits, for confidence intervals.

    Args:
        rows: one row per image, as `evaluation.read_rows` returns them.
        num_classes: K.

    Returns:
        Model and size → mean IoU of each resampled split, float64 [bootstrap.SAMPLES]. The resampled splits consist of
        the same images for all models and sizes.
    """
    first = rows[0]["counts"] if rows else {}
    models_and_sizes = [(model, size) for model, by_size in first.items() for size in by_size]
    resampled = {}
    for model, size in models_and_sizes:  # one at a time, to limit the memory
        images = [counts.from_sparse(row["counts"][model][size], num_classes) for row in rows]
        resampled[model, size] = bootstrap.bootstrap_mean_iou(counts.confusion_of(np.stack(images)))
    return resampled


def model_metrics(
    model: str,
    totals: Mapping[tuple[str, str], Mapping[SliceKey, Total]],
    resampled: Mapping[tuple[str, str], NDArray[np.float64]],
    channels: LabelSet,
) -> dict[str, Any]:
    """Returns all metrics of one model: at the network's size, at the original size, and per slice."""
    class_names = channels.names
    at_network_size = totals[model, NETWORK_SIZE]
    original = totals.get((model, ORIGINAL_SIZE))
    by_slice: dict[str, dict[str, Any]] = {name: {} for name in SLICES}
    for feature, value in slice_values(channels):
        total = at_network_size.get(((feature, value),))
        if total is not None:
            metrics = counts.metrics_as_json(total.counts, class_names)
            del metrics["confusion_matrix"]
            by_slice[feature][value] = {"images": total.images, "mean_iou_interval": None, **metrics}
    return {
        **_metrics(at_network_size[()], resampled[model, NETWORK_SIZE], class_names),
        "original_size": _metrics(original[()], resampled[model, ORIGINAL_SIZE], class_names) if original else None,
        "slices": by_slice,
    }


def differences(
    models: Sequence[str], resampled: Mapping[tuple[str, str], NDArray[np.float64]], metrics: Mapping[str, Any]
) -> Any:
    """Computes the difference in mean IoU between each two models, with its confidence interval.

    Args:
        models: the models to compare.
        resampled: the result of `resampled_mean_iou`.
        metrics: model → its metrics.

    Returns:
        Model → other model → `mean_iou` (the difference) and `interval`, at the network's size.
    """
    return {
        one: {
            other: {
                "mean_iou": _difference(metrics[one]["mean_iou"], metrics[other]["mean_iou"]),
                "interval": bootstrap.interval(resampled[one, NETWORK_SIZE] - resampled[other, NETWORK_SIZE]),
            }
            for other in models
            if other != one
        }
        for one in models
    }


def ranked_images(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Selects the best, median and worst images by their own mean IoU, averaged over the models.

    Args:
        rows: one row per image, as `evaluation.read_rows` returns them.

    Returns:
        Entries with `image_id`, `rank` (`best`, `median` or `worst`) and `mean_iou` (model → value); at most
        `RANKED_IMAGES` per rank, fewer if the split is too small. No image occurs twice.
    """
    scored = [row for row in rows if all(value is not None for value in row["mean_iou"].values())]
    ordered = sorted(scored, key=lambda row: sum(row["mean_iou"].values()), reverse=True)
    per_rank = min(RANKED_IMAGES, -(-len(ordered) // 3))
    middle = max(per_rank, (len(ordered) - per_rank) // 2)
    ranks = {
        "best": ordered[:per_rank],
        "median": ordered[middle : middle + per_rank],
        "worst": ordered[middle + per_rank :][-per_rank:],
    }
    return [
        {"image_id": row["image_id"], "rank": rank, "mean_iou": row["mean_iou"]}
        for rank, ranked in ranks.items()
        for row in ranked
    ]


def _best(candidates: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Returns the candidate with the highest mean IoU, or `None` if no candidate has one."""
    measured = {name: values["mean_iou"] for name, values in candidates.items() if values["mean_iou"] is not None}
    return max(measured, key=lambda name: measured[name], default=None)


def _metrics(total: Total, resampled: NDArray[np.float64], class_names: Sequence[str]) -> dict[str, Any]:
    return {
        "images": total.images,
        "mean_iou_interval": bootstrap.interval(resampled),
        **counts.metrics_as_json(total.counts, class_names),
    }


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _description(folder: str) -> dict[str, Any]:
    description = read_description(folder)
    return {
        "network": description.network,
        "parameters": description.parameters,
        "train_seconds": description.train_seconds,
    }
