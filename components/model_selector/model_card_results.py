"""The quantitative analyses of the model card: tables of the evaluation, comparisons and the smoke test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.metrics import CLASS_METRIC_NAMES, METRIC_NAMES
from components.model_selector.markdown import NOT_MEASURED, bullets, decimal, table
from components.run_files import BASELINE_MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping

_SLICE_METRICS = ("mean_iou", "pixel_accuracy")
_MEBIBYTE = 2**20


def quantitative_analyses(
    candidate: str, evaluation: Mapping[str, Any], split: str, smoke_test: Mapping[str, Any] | None
) -> str:
    """Writes the tables of a candidate's metrics.

    Args:
        candidate: the candidate's name.
        evaluation: the content of `evaluation.json`; missing metrics are omitted or marked as not measured.
        split: the name of the evaluated split.
        smoke_test: the candidate's entry in `smoke_test.json`; `None` if the candidate was not tested.

    Returns:
        Markdown with a heading of level 3 for each table.
    """
    metrics = evaluation["candidates"][candidate]
    parts = [_overall(metrics, split), _classes(evaluation, metrics)]
    parts += [_slice(kind, slices) for kind, slices in (metrics.get("slices") or {}).items()]
    parts += [_comparison(candidate, evaluation), _smoke_test(smoke_test)]
    return "\n\n".join(part for part in parts if part)


def absent_classes(metrics: Mapping[str, Any]) -> list[str]:
    """Lists the classes that do not occur in the evaluated masks."""
    listed = metrics.get("absent_classes")
    if listed is not None:
        return list(listed)
    return [name for name, value in (metrics.get("per_class_iou") or {}).items() if value is None]


def _overall(metrics: Mapping[str, Any], split: str) -> str:
    original = metrics.get("original_size") or {}
    rows = []
    for key, name in METRIC_NAMES.items():
        if metrics.get(key) is None and original.get(key) is None:
            continue
        cells = [name, _with_interval(metrics, key)]
        rows.append([*cells, _with_interval(original, key)] if original else cells)
    columns = ["metric", "at the network's size"]
    text = table([*columns, "at the photos' original size"] if original else columns, rows)
    return f"### On the {split} split\n\n{text if rows else 'No metric was measured.'}"


def _with_interval(metrics: Mapping[str, Any], key: str) -> str:
    value, interval = metrics.get(key), metrics.get(f"{key}_interval")
    if value is None or not interval:
        return decimal(value)
    return f"{value:.4f} ({interval[0]:.4f} to {interval[1]:.4f})"


def _classes(evaluation: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    shown = {key: name for key, name in CLASS_METRIC_NAMES.items() if metrics.get(key)}
    if not shown:
        return ""
    absent = absent_classes(metrics)
    names = evaluation.get("class_names") or list(metrics[next(iter(shown))])
    rows = [
        [name, *("absent" if name in absent else decimal(metrics[key].get(name)) for key in shown)] for name in names
    ]
    return f"### By class\n\n{table(['class', *shown.values()], rows)}"


def _slice(kind: str, slices: Mapping[str, Any]) -> str:
    rows = [
        [name, str(values.get("images", NOT_MEASURED)), *(decimal(values.get(key)) for key in _SLICE_METRICS)]
        for name, values in slices.items()
    ]
    columns = [kind, "images", *(METRIC_NAMES[key] for key in _SLICE_METRICS)]
    return f"### By {kind}\n\n{table(columns, rows)}" if rows else ""


def _comparison(candidate: str, evaluation: Mapping[str, Any]) -> str:
    """Compares the candidate with all other models that were evaluated on the same images."""
    others = {name: other for name, other in evaluation["candidates"].items() if name != candidate}
    if evaluation.get("baseline"):
        others[BASELINE_MODEL] = evaluation["baseline"]
    differences = (evaluation.get("differences") or {}).get(candidate) or {}
    rows = []
    for name, other in others.items():
        label = "the model in service at that time" if name == BASELINE_MODEL else name
        rows.append([label, _with_interval(other, "mean_iou"), _difference(differences.get(name) or {})])
    parts = [table(["model", "mean IoU", f"{candidate} minus this model"], rows)] if rows else []
    if evaluation.get("baseline_problem"):
        parts.append(f"Comparison with the model in service: {evaluation['baseline_problem']}.")
    elif not evaluation.get("baseline"):
        parts.append("There was no model in service to compare with.")
    return "### Other models on the same images\n\n" + "\n\n".join(parts)


def _difference(entry: Mapping[str, Any]) -> str:
    value, interval = entry.get("mean_iou"), entry.get("interval")
    if value is None:
        return NOT_MEASURED
    return f"{value:+.4f}" + (f" ({interval[0]:+.4f} to {interval[1]:+.4f})" if interval else "")


def _smoke_test(tested: Mapping[str, Any] | None) -> str:
    heading = "### Smoke test"
    if not tested:
        return f"{heading}\n\nThe model was not smoke-tested."
    lines = ["Smoke test: passed." if tested.get("passed") else "Smoke test: failed."]
    lines += [f"Problem: {problem}." for problem in tested.get("problems") or []]
    if tested.get("latency_seconds") is not None:
        lines.append(f"Latency of a request with one image: {1000 * tested['latency_seconds']:.0f} ms (median).")
    if tested.get("load_seconds") is not None:
        lines.append(f"Loading time: {tested['load_seconds']:.1f} s.")
    if tested.get("peak_memory_bytes") is not None:
        lines.append(f"Peak memory of the process: {tested['peak_memory_bytes'] / _MEBIBYTE:.0f} MiB.")
    return f"{heading}\n\n{bullets(lines)}"
