"""The tables that commands print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from tfds_voc_seg.image_size import images_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def candidate_table(summary: dict[str, Any]) -> Table:
    """Returns the figures of a run: one row per candidate, and one for the model in service."""
    title = f"Candidates on the {summary['evaluation_split']} split ({_void_text(summary)})"
    table = Table(title=title, title_justify="left")
    for heading in ("candidate", "mIoU", "pixel accuracy", "parameters", "training", "latency", "memory", ""):
        table.add_column(heading, justify="left" if heading in ("candidate", "") else "right")
    for name, figures in summary["candidates"].items():
        outcome = "[red]refused[/]" if figures["refused"] else ""
        if name == summary["selected"] and not figures["refused"]:
            outcome = "[green]published[/]" if summary["published"] else "best"
        table.add_row(name, *_cells(figures), *_smoke_test_cells(figures["smoke_test"]), outcome)
    if summary["baseline"]:
        table.add_row("in service", *_cells(summary["baseline"]), "", "", "baseline", style="dim")
    return table


def evaluation_table(evaluation: dict[str, Any]) -> Table:
    """Returns the figures of `vocseg evaluate`: one row per model."""
    images = f"{evaluation['images']} images at {images_text(evaluation)}"
    table = Table(title=f"{evaluation['split']}: {images} ({_void_text(evaluation)})", title_justify="left")
    for heading in ("model", "mIoU", "95 %", "at the photos' size", "pixel accuracy", "Dice", "boundary IoU"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for name, figures in evaluation["candidates"].items():
        low_high, original = figures["mean_iou_interval"], figures["original_size"]
        table.add_row(
            escape(name),
            _figure(figures["mean_iou"]),
            " to ".join(map(_figure, low_high)) if low_high else "",
            _figure(original["mean_iou"]) if original else "",
            *(_figure(figures[key]) for key in ("pixel_accuracy", "mean_dice", "boundary_iou")),
        )
    return table


def _void_text(evaluation: Mapping[str, Any]) -> str:
    """Says what the figures count void as; an older evaluation does not say, and left it out."""
    return "void counted as background" if evaluation.get("void") == "background" else "void left out"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def target_lines(summary: Mapping[str, Any]) -> list[str]:
    """Returns a line per target beside the SavedModel: whether it was published, and otherwise why not."""
    return [
        f"target {name}: published" if target["published"] else f"target {name}: not published, {target['reason']}"
        for name, target in summary["targets"].items()
    ]


def candidate_reasons(summary: dict[str, Any]) -> list[str]:
    """Returns one line per candidate that was not selected, with the reason.

    Empty if no candidate was selected, or if the selected one was refused: then the reason of the run lists them all.
    """
    selected = summary["candidates"].get(summary["selected"])
    if selected is None or selected["refused"]:
        return []
    return [f"{name}: {c['reason']}" for name, c in summary["candidates"].items() if c is not selected]


def problems_table(problems: Sequence[Mapping[str, str]]) -> Table:
    """Returns the problems of the devkit: one row per problem, with `image_id`, `file`, `what` and `advice`."""
    table = Table(title="Problems in the devkit", title_justify="left", show_lines=True)
    for heading in ("image", "file", "what is wrong", "what to do"):
        table.add_column(heading, overflow="fold")
    for problem in problems:
        table.add_row(*(escape(problem[key]) for key in ("image_id", "file", "what", "advice")))
    return table


def class_table(summary: dict[str, Any]) -> Table:
    """Returns the IoU of each class: one row per class, one column per candidate."""
    candidates = {name: figures for name, figures in summary["candidates"].items() if figures["per_class_iou"]}
    table = Table(title="IoU by class", title_justify="left")
    table.add_column("class")
    for name in candidates:
        table.add_column(name, justify="right")
    for class_name in next((figures["per_class_iou"] for figures in candidates.values()), ()):
        values = [figures["per_class_iou"][class_name] for figures in candidates.values()]
        table.add_row(class_name, *("absent" if value is None else f"{value:.3f}" for value in values))
    return table


def findings_table(summary: dict[str, Any]) -> Table:
    """Returns the findings of the data validation: one row per finding in `summary["anomalies"]`."""
    table = Table(title="Findings in the data", title_justify="left", show_lines=True)
    for heading in ("split", "severity", "class", "finding"):
        table.add_column(heading)
    for finding in summary["anomalies"]:
        severity = finding["severity"]
        style = "red" if severity == "error" else "yellow"
        table.add_row(finding["split"], f"[{style}]{severity}[/]", finding["class"] or "", escape(finding["what"]))
    return table


def _cells(figures: dict[str, Any]) -> list[str]:
    return [
        *(_figure(figures[key]) for key in ("mean_iou", "pixel_accuracy")),
        "–" if figures["parameters"] is None else f"{figures['parameters']:,}",
        "–" if figures["train_seconds"] is None else f"{figures['train_seconds']:.0f} s",
    ]


def _smoke_test_cells(smoke_test: dict[str, Any]) -> list[str]:
    latency, memory = smoke_test["latency_seconds"], smoke_test["peak_memory_bytes"]
    return [
        "–" if latency is None else f"{1000 * latency:.0f} ms",
        "–" if memory is None else f"{memory / 1e9:.1f} GB",
    ]
