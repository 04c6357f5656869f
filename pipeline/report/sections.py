"""Prepares the contents of the report's sections. All functions are pure, but `example_groups` reads files."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from components.metrics import CLASS_METRIC_NAMES, METRIC_NAMES
from pipeline.report.charts import NUM_SERIES, Line, axis_end, line_chart
from pipeline.report.contents import RunContents, Training, value_at
from pipeline.report.example_pictures import RANKS, ExampleView, example_view
from pipeline.report.heat_map import heat_map_rows
from tfds_voc_seg.pictures import class_colour

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from pipeline.report.models import Model
    from tfds_voc_seg.label_set import LabelSet

OTHER_CLASS_FIGURES = {key: name for key, name in CLASS_METRIC_NAMES.items() if key != "per_class_iou"}
"""The figures of a class other than IoU, which has its own table."""
CURVES = {"mean_iou": "mean IoU", "loss": "loss", "accuracy": "pixel accuracy"}


def class_swatch(name: str, labels: LabelSet) -> str:
    """Returns the colour of a class in CSS: transparent for background, grey for a class that has no colour."""
    if name == labels.background:
        return "transparent"
    red, green, blue = class_colour(name, labels) if name in labels.names else (128, 128, 128)
    return f"#{red:02x}{green:02x}{blue:02x}"


def class_rows(models: Sequence[Model], class_names: Sequence[str], absent: Sequence[str]) -> list[dict[str, Any]]:
    """Returns one row per class: its share of the pixels of the ground truth, and each model's figures.

    Args:
        models: the compared models.
        class_names: the class names; the background first, if there is one.
        absent: the classes that occur in no mask of the split.
    """
    confusion = next((model.figure("confusion_matrix") for model in models if model.figure("confusion_matrix")), None)
    pixels = [sum(row) for row in confusion] if confusion else None
    total = sum(pixels) if pixels else 0
    rows = []
    for index, name in enumerate(class_names):
        iou = [model.figure("per_class_iou", name) for model in models]
        best = max((value for value in iou if value is not None), default=None)
        rows.append(
            {
                "name": name,
                "absent": name in absent,
                "share": pixels[index] / total if pixels and total else None,
                "iou": iou,
                "best": best,
                "others": [[model.figure(key, name) for key in OTHER_CLASS_FIGURES] for model in models],
            }
        )
    return rows


def absent_classes(models: Sequence[Model], class_names: Sequence[str]) -> list[str]:
    """Returns the classes that are absent from the ground truth.

    An older evaluation does not list them: then they are the classes without an IoU.
    """
    for model in models:
        listed = model.figure("absent_classes")
        if listed is not None:
            return list(listed)
        iou = model.figure("per_class_iou")
        if iou:
            return [name for name in class_names if iou.get(name) is None]
    return []


def confusion_maps(models: Sequence[Model], class_names: Sequence[str]) -> list[tuple[Model, Any]]:
    """Returns pairs of a model and the rows of its heat map, for the models that have a confusion matrix."""
    return [
        (model, heat_map_rows(model.figure("confusion_matrix"), class_names))
        for model in models
        if model.figure("confusion_matrix")
    ]


def original_size_rows(models: Sequence[Model]) -> list[tuple[Model, list[tuple[Any, Any]]]]:
    """Returns each model with pairs of its figures at the network's size and at the photos' own size.

    The result is empty if no model has figures at the photos' own size.
    """
    if not any(model.figure("original_size") for model in models):
        return []
    return [
        (model, [(model.figure(key), model.figure("original_size", key)) for key in METRIC_NAMES]) for model in models
    ]


def slice_tables(models: Sequence[Model]) -> dict[str, list[dict[str, Any]]]:
    """Returns one table per kind of slice, with one row per slice: the number of images and each model's mean IoU."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for dimension in dict.fromkeys(key for model in models for key in model.figure("slices") or {}):
        names = dict.fromkeys(name for model in models for name in model.figure("slices", dimension) or {})
        tables[dimension] = [
            {
                "name": name,
                "images": next(
                    (
                        images
                        for model in models
                        if (images := model.figure("slices", dimension, name, "images")) is not None
                    ),
                    None,
                ),
                "iou": [model.figure("slices", dimension, name, "mean_iou") for model in models],
            }
            for name in names
        ]
    return tables


def example_groups(contents: RunContents, channels: LabelSet) -> dict[str, list[ExampleView]]:
    """Returns the best, median and worst images. An image whose pictures cannot be read is skipped and logged."""
    groups: dict[str, list[ExampleView]] = {rank: [] for rank in RANKS}
    for view in _views(contents, value_at(contents.evaluation, "examples") or [], channels):
        groups.setdefault(view.rank, []).append(view)
    return {rank: views for rank, views in groups.items() if views}


def doubtful_views(contents: RunContents, channels: LabelSet) -> list[ExampleView]:
    """Returns the pictures of the doubtful masks. An image whose pictures cannot be read is skipped and logged."""
    doubtful = value_at(contents.evaluation, "doubtful_masks") or {}
    model = doubtful.get("model")
    examples = [
        {"image_id": image_id, "rank": "doubtful", "mean_iou": {model: None}}
        for image_id in doubtful.get("pictures", [])
    ]
    return _views(contents, examples, channels)


def _views(contents: RunContents, examples: Sequence[Mapping[str, Any]], channels: LabelSet) -> list[ExampleView]:
    views = []
    for example in examples if contents.examples_folder is not None else ():
        try:
            views.append(example_view(contents.examples_folder, example, channels))
        except (OSError, ValueError) as error:
            logging.warning("The report skips the pictures of %s: %s", example.get("image_id"), error)
    return views


def curve_charts(trainings: Mapping[str, Training], models: Sequence[Model]) -> list[tuple[str, Markup]]:
    """Returns one pair of title and chart per metric: solid lines for val, thin dashed lines for train."""
    series = {model.name: model.series for model in models}
    charts = []
    for metric, title in CURVES.items():
        lines = [
            Line(name, series.get(name, 1 + number % NUM_SERIES), training.history[key], dashed)
            for number, (name, training) in enumerate(trainings.items())
            for key, dashed in ((metric, True), (f"val_{metric}", False))
            if training.history.get(key)
        ]
        if lines:
            highest = None if metric == "loss" else 1.0
            charts.append((title, line_chart(f"{title} by epoch, of {', '.join(trainings)}", lines, highest)))
    return charts


def training_rows(trainings: Mapping[str, Training]) -> list[dict[str, Any]]:
    """Returns one row per candidate: the number of epochs, the best epoch on val, and the figures in it."""
    rows = []
    for name, training in trainings.items():
        monitored = str(training.training.get("monitor", "val_mean_iou"))
        history, of_train = (training.history.get(key, []) for key in (monitored, monitored.removeprefix("val_")))
        reached = [(value, -epoch) for epoch, value in enumerate(history) if value is not None]
        if not reached:
            continue
        best = -max(reached)[1]  # the first of equal epochs, as in the training
        rows.append(
            {
                "name": name,
                "epochs": len(history),
                "best_epoch": best + 1,
                "monitored": monitored,
                "value": history[best],
                "train": of_train[best] if best < len(of_train) else None,
            }
        )
    return rows


def data_rows(data_summary: Mapping[str, Any], class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Returns one row per class: per split the number of images with it and its share of the valid pixels."""
    rows = []
    for name in class_names:
        cells = []
        for split in data_summary.values():
            pixels = split.get("class_pixels")
            total = sum(pixels.values()) if pixels else 0
            share = pixels.get(name, 0) / total if pixels and total else None
            cells.append({"images": value_at(split, "class_images", name), "share": share})
        rows.append({"name": name, "cells": cells})
    return rows


def share_end(rows: Sequence[Mapping[str, Any]], background: str | None) -> float:
    """Returns the end of the axis of the classes' shares. Background is ignored: it is much larger than the others."""
    shares = [cell["share"] for row in rows for cell in row["cells"] if row["name"] != background]
    return axis_end(shares)
