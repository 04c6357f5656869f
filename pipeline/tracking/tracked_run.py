"""What is logged of a finished run, as plain data: one run, and below it one run per candidate."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from typing import TYPE_CHECKING, Any

from components.metrics import CLASS_METRIC_NAMES, METRIC_NAMES
from components.run_files import CURVES_FILE, REPORT_FILE, SUMMARY_FILE
from pipeline.report.contents import value_at

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pipeline.report.contents import RunContents, Training

Metric = tuple[str, float, int]
"""Name, value and step: the number of the epoch from 1, or 0 for a figure of the whole run."""

_LONGEST_NAME, _LONGEST_PARAMETER, _LONGEST_TAG = 250, 6000, 5000
"""MLflow refuses longer texts."""
_LONGEST_PART = 150
"""Of a name: what is added to it must not exceed `_LONGEST_NAME`."""
_OTHER_SECTIONS = ("candidates", "tracking", "kubeflow")
"""Sections of the configuration that are no parameters of the whole run."""
_SMOKE_TEST_FIGURES = ("latency_seconds", "peak_memory_bytes", "load_seconds")
_MODEL_FOLDER = "model"


@dataclasses.dataclass(frozen=True)
class TrackedRun:
    """A run as MLflow shows it.

    Attributes:
        name: its name.
        started: when it began, in milliseconds since the epoch.
        ended: when it ended, likewise.
        parameters: name → value.
        metrics: name, value and step of each figure.
        tags: name → value.
        files: path on this machine → folder among the artifacts; an empty text is the top.
        folders: folder on this machine → folder among the artifacts.
        children: the runs below it.
    """

    name: str
    started: int
    ended: int
    parameters: dict[str, str]
    metrics: list[Metric]
    tags: dict[str, str]
    files: dict[str, str] = dataclasses.field(default_factory=dict)
    folders: dict[str, str] = dataclasses.field(default_factory=dict)
    children: tuple[TrackedRun, ...] = ()


def tracked_run(contents: RunContents, output: Path, tags: Mapping[str, str]) -> TrackedRun:
    """Selects what is logged of a run.

    Args:
        contents: what the run's artifacts hold.
        output: the run's output folder.
        tags: further tags of the run.
    """
    ended = _milliseconds(contents.finished)
    settings = {key: value for key, value in (contents.config or {}).items() if key not in _OTHER_SECTIONS}
    selected = str(value_at(contents.selection, "selected"))
    versions = {f"version.{name}": version for name, version in (contents.versions or {}).items()}
    files = [output / name for name in (SUMMARY_FILE, CURVES_FILE)]
    report = output / REPORT_FILE
    return TrackedRun(
        name=contents.run_id,
        started=ended - round(1000 * sum(node["seconds"] for node in contents.nodes)),
        ended=ended,
        parameters=_parameters(settings),
        metrics=list(_finite([*_evaluation(contents, selected), *_data_and_times(contents)])),
        tags=_texts({**_tags_of_run(contents), **versions, **tags}),
        files={str(file): "" for file in files if file.exists()}
        | ({str(report): report.parent.name} if report.exists() else {}),
        folders={contents.published: _MODEL_FOLDER} if contents.published else {},
        children=tuple(_candidate(contents, name, training) for name, training in contents.trainings.items()),
    )


def _tags_of_run(contents: RunContents) -> dict[str, Any]:
    reason = value_at(contents.selection, "reason")
    return {
        "mlflow.note.content": contents.not_published_reason or reason,
        "voc_seg.selected": value_at(contents.selection, "selected"),
        "voc_seg.published": contents.published,
        "voc_seg.evaluation_split": value_at(contents.evaluation, "split"),
        "voc_seg.devkit": contents.data_parameters.get("devkit"),
        "voc_seg.devkit_fingerprint": contents.data_parameters.get("devkit_fingerprint"),
        "voc_seg.cached_nodes": ", ".join(node["id"] for node in contents.nodes if node["cached"]),
    }


def _candidate(contents: RunContents, name: str, training: Training) -> TrackedRun:
    ended = _milliseconds(training.finished)
    figures = value_at(contents.evaluation, "candidates", name)
    smoke_test = value_at(contents.smoke_test, "candidates", name)
    epochs = [
        (metric, value, epoch)
        for metric, values in training.history.items()
        for epoch, value in enumerate(values, start=1)
    ]
    figures_of_test = [(f"smoke_test/{key}", value_at(smoke_test, key), 0) for key in _SMOKE_TEST_FIGURES]
    return TrackedRun(
        name=name,
        started=ended - round(1000 * (value_at(figures, "train_seconds") or 0)),
        ended=ended,
        parameters=_parameters(
            {
                "network": training.network.get("name"),
                "options": training.network.get("options", {}),
                "training": training.training,
            }
        ),
        metrics=list(_finite([*epochs, *_evaluation(contents, name), *figures_of_test])),
        tags=_texts(
            {
                "voc_seg.candidate": name,
                "voc_seg.code": training.code,
                "voc_seg.outcome": value_at(contents.selection, "candidates", name),
                "voc_seg.selected": name == value_at(contents.selection, "selected"),
                "voc_seg.smoke_test_passed": value_at(smoke_test, "passed"),
            }
        ),
    )


def _evaluation(contents: RunContents, candidate: str) -> Iterator[tuple[str, Any, int]]:
    """Yields the figures of a candidate on the evaluated split, whose name comes first: `val/mean_iou`."""
    split, figures = value_at(contents.evaluation, "split"), value_at(contents.evaluation, "candidates", candidate)
    for key in METRIC_NAMES:
        yield f"{split}/{key}", value_at(figures, key), 0
    for key in CLASS_METRIC_NAMES:
        values = value_at(figures, key) or {}
        for class_name, part in _name_parts(values).items():
            yield f"{split}/{key}/{part}", values[class_name], 0
    for key in ("parameters", "train_seconds"):
        yield key, value_at(figures, key), 0


def _data_and_times(contents: RunContents) -> Iterator[tuple[str, Any, int]]:
    for split, numbers in (contents.data_summary or {}).items():
        yield f"images/{split}", numbers.get("images"), 0
    for node in contents.nodes:
        yield f"seconds/{node['id']}", node["seconds"], 0


def _finite(figures: Iterable[tuple[str, Any, int]]) -> Iterator[Metric]:
    """Leaves out what was not measured and what is no number, such as the IoU of an absent class."""
    for name, value, step in figures:
        if isinstance(value, int | float) and math.isfinite(value):
            yield name[:_LONGEST_NAME], float(value), step


def _parameters(settings: Mapping[str, Any]) -> dict[str, str]:
    return {name[:_LONGEST_NAME]: _shortened(value, _LONGEST_PARAMETER) for name, value in _flat(settings)}


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yields the dotted key and the value of each setting; a list is one value, as JSON."""
    for key, part in _name_parts(settings).items():
        name, value = prefix + part, settings[key]
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{name}.")
        else:
            yield name, _text(value)


def _texts(tags: Mapping[str, Any]) -> dict[str, str]:
    """Returns the tags that have a value, as texts."""
    present = {name: value for name, value in tags.items() if value not in (None, "")}
    return {name: _shortened(_text(value), _LONGEST_TAG) for name, value in present.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _name_parts(names: Iterable[str]) -> dict[str, str]:
    """Maps names to distinct ones of the characters that MLflow accepts everywhere; a class may have any name."""
    parts: dict[str, str] = {}
    for name in names:
        part = plain = re.sub(r"[^\w\- ]", "_", str(name))[:_LONGEST_PART]
        number = 1
        while part in parts.values():
            number += 1
            part = f"{plain}_{number}"
        parts[name] = part
    return parts


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _milliseconds(moment: datetime.datetime) -> int:
    return round(1000 * moment.timestamp())
