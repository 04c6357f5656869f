"""The history of a training: the metrics of each epoch, as JSON, CSV and a picture of the curves."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from components.run_files import HISTORY_CSV, HISTORY_JSON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from etils import epath

History = dict[str, list[float]]
"""Metric → its value at the end of each epoch; metrics of the val split begin with `val_`."""

_PANELS = {"loss": "loss", "mean_iou": "mean IoU (void left out)", "accuracy": "pixel accuracy"}


def history_as_json(history: History) -> dict[str, list[float | None]]:
    """Replaces NaN by `None`, JSON's `null`: the IoU of a class that is absent from the split."""
    return {name: [None if value != value else value for value in values] for name, values in history.items()}


def write_history(history: History, model_run: epath.Path) -> None:
    """Writes a history as JSON (`null` for absent classes) and as CSV (one row per epoch)."""
    values_by_name = history_as_json(history)
    model_run.mkdir(parents=True, exist_ok=True)
    (model_run / HISTORY_JSON).write_text(json.dumps(values_by_name, indent=2))
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["epoch", *values_by_name])
    rows.writerows([epoch, *values] for epoch, values in enumerate(zip(*values_by_name.values(), strict=True), start=1))
    (model_run / HISTORY_CSV).write_text(table.getvalue())


def draw_curves(histories: Mapping[str, Mapping[str, Sequence[float | None]]], file: epath.Path) -> None:
    """Draws loss, mean IoU and pixel accuracy over the epochs; val as solid lines, train as thin dashed lines.

    Args:
        histories: candidate → its history.
        file: the PNG file to write.
    """
    figure = Figure(figsize=(13, 4), layout="constrained")
    for axes, (metric, title) in zip(figure.subplots(1, len(_PANELS)), _PANELS.items(), strict=True):
        for number, (candidate, history) in enumerate(histories.items()):
            for split, prefix, style in (("val", "val_", "-"), ("train", "", "--")):
                values = history[prefix + metric]
                axes.plot(
                    range(1, len(values) + 1),
                    values,
                    style,
                    color=f"C{number}",
                    linewidth=1.8 if split == "val" else 0.9,
                    label=f"{candidate} {split}".strip(),
                )
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.set_ylim(bottom=0, top=None if metric == "loss" else 1)
    axes.legend(loc="lower right")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    file.write_bytes(picture.getvalue())
