"""What an evaluation came to, as JSON: figures of each model, and how far apart the models are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath

from components.artifacts.candidates import BASELINE_MODEL
from components.metrics import bootstrap, counts
from components.saved_model.description import read_description
from components.segmentation_evaluator.evaluation import EvaluationSpec, SliceKey, Total, read_rows, read_totals
from components.segmentation_evaluator.example_pictures import write_example_pictures
from components.segmentation_evaluator.segmentation import NETWORK_SIZE, ORIGINAL_SIZE
from components.segmentation_evaluator.slices import SLICES, slice_values

RANKED_IMAGES = 3
"""How many of the best, the median and the worst images are shown."""


def evaluation_summary(
    spec: EvaluationSpec,
    output: epath.Path,
    split: str,
    baseline_problem: str | None = None,
    original_size_problem: str | None = None,
) -> dict[str, Any]:
    """Puts together what an evaluation came to, once its Beam job has run, and writes the pictures.

    Args:
        spec: what was evaluated; the model in service goes by the name `BASELINE_MODEL`. Without models there are no
            figures.
        output: the evaluation's folder.
        split: the split's name.
        baseline_problem: why the model in service is not compared.
        original_size_problem: why there are no figures at the photos' own size.

    Returns:
        What is in `evaluation.json`: `split`, `class_names`, `image_size` and `images`; `candidates`, model → figures
        at the network's size, with those at the photos' own size under `original_size` and those of parts of the split
        under `slices`; `baseline`, the same of the model in service, or null; `differences` between any two; the two
        problems; and `examples`, the images of which there are pictures.
    """
    names = spec.class_names
    totals, rows = (read_totals(output), read_rows(output)) if spec.models else ({}, [])
    resampled = resampled_mean_iou(rows, len(names))
    figures = {
        model: {**_description(folder), **model_figures(model, totals, resampled, names)}
        for model, folder in spec.models.items()
    }
    examples = ranked_images(rows)
    write_example_pictures(spec, {example["image_id"] for example in examples}, output)
    return {
        "split": split,
        "class_names": names,
        "image_size": spec.image_size,
        "images": len(rows),
        "candidates": {model: values for model, values in figures.items() if model != BASELINE_MODEL},
        "baseline": figures.get(BASELINE_MODEL),
        "baseline_problem": baseline_problem,
        "differences": differences(list(figures), resampled, figures),
        "original_size_problem": original_size_problem,
        "examples": examples,
    }


def resampled_mean_iou(rows: Sequence[Mapping[str, Any]], num_classes: int) -> dict[tuple[str, str], np.ndarray]:
    """Resamples the images of an evaluation.

    Args:
        rows: an image each, as `evaluation.read_rows` gives them.
        num_classes: K.

    Returns:
        Model and size → mean IoU of each resampled split, float64 [bootstrap.SAMPLES]; all are drawn the same images.
    """
    first = rows[0]["counts"] if rows else {}
    models_and_sizes = [(model, size) for model, by_size in first.items() for size in by_size]
    resampled = {}
    for model, size in models_and_sizes:  # one after the other: bounds the memory
        images = [counts.from_sparse(row["counts"][model][size], num_classes) for row in rows]
        resampled[model, size] = bootstrap.bootstrap_mean_iou(counts.confusion_of(np.stack(images)))
    return resampled


def model_figures(
    model: str,
    totals: Mapping[tuple[str, str], Mapping[SliceKey, Total]],
    resampled: Mapping[tuple[str, str], np.ndarray],
    class_names: Sequence[str],
) -> dict[str, Any]:
    """All figures of one model: those at the network's size, and below them those at the photos' own and by slice."""
    at_network_size = totals[model, NETWORK_SIZE]
    original = totals.get((model, ORIGINAL_SIZE))
    by_slice: dict[str, dict[str, Any]] = {name: {} for name in SLICES}
    for feature, value in slice_values(class_names):
        total = at_network_size.get(((feature, value),))
        if total is not None:
            figures = counts.metrics_as_json(total.counts, class_names)
            del figures["confusion_matrix"]
            by_slice[feature][value] = {"images": total.images, "mean_iou_interval": None, **figures}
    return {
        **_figures(at_network_size[()], resampled[model, NETWORK_SIZE], class_names),
        "original_size": _figures(original[()], resampled[model, ORIGINAL_SIZE], class_names) if original else None,
        "slices": by_slice,
    }


def differences(
    models: Sequence[str], resampled: Mapping[tuple[str, str], np.ndarray], figures: Mapping[str, Any]
) -> Any:
    """How much better each model is than each other one in mean IoU, with the interval of the difference.

    Args:
        models: the models to compare.
        resampled: as from `resampled_mean_iou`.
        figures: model → its figures.

    Returns:
        Model → other model → `mean_iou`, the difference, and `interval`, at the network's size.
    """
    return {
        one: {
            other: {
                "mean_iou": _difference(figures[one]["mean_iou"], figures[other]["mean_iou"]),
                "interval": bootstrap.interval(resampled[one, NETWORK_SIZE] - resampled[other, NETWORK_SIZE]),
            }
            for other in models
            if other != one
        }
        for one in models
    }


def ranked_images(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Picks the best, the median and the worst images, by the mean over the models of the image's own mean IoU.

    Args:
        rows: an image each, as `evaluation.read_rows` gives them.

    Returns:
        `image_id`, `rank` (`best`, `median` or `worst`) and `mean_iou` by model, up to `RANKED_IMAGES` of a rank; fewer
        where there are not enough images, so that none is shown twice.
    """
    scored = [row for row in rows if all(value is not None for value in row["mean_iou"].values())]
    ordered = sorted(scored, key=lambda row: sum(row["mean_iou"].values()), reverse=True)
    each = min(RANKED_IMAGES, -(-len(ordered) // 3))
    middle = max(each, (len(ordered) - each) // 2)
    ranks = {
        "best": ordered[:each],
        "median": ordered[middle : middle + each],
        "worst": ordered[middle + each :][-each:],
    }
    return [
        {"image_id": row["image_id"], "rank": rank, "mean_iou": row["mean_iou"]}
        for rank, ranked in ranks.items()
        for row in ranked
    ]


def _figures(total: Total, resampled: np.ndarray, class_names: Sequence[str]) -> dict[str, Any]:
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
