"""`summary.json`: the results of a run."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from etils import epath

from components.model_pusher.executor import NOT_PUSHED_REASON_PROPERTY
from components.model_pusher.publishing_lock import publishing_lock
from components.model_pusher.run_summary import PUBLISHED, WITHDRAWN, named_versions
from components.run_files import (
    EVALUATION_FILE,
    SELECTION_FILE,
    SERVING_FOLDER,
    SMOKE_TEST_FILE,
    SUMMARY_FILE,
    TARGETS_FILE,
    VALIDATION_FILE,
)
from tfds_voc_seg.records.files import REJECTS_FILE, VAL_SPLIT
from tfds_voc_seg.storage import write_text_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_metadata.proto import metadata_store_pb2

    from pipeline.metadata.runs import NodeOutputs

_EVALUATION_KEYS = ("mean_iou", "pixel_accuracy", "per_class_iou", "parameters", "train_seconds")
_SMOKE_TEST_KEYS = ("passed", "problems", "latency_seconds", "peak_memory_bytes")


def make_summary(outputs: NodeOutputs, seconds: Mapping[str, float], cached: list[str]) -> dict[str, Any]:
    """Collects the results of a run from its artifacts.

    Args:
        outputs: the outputs of every node.
        seconds: node id → how long the node took.
        cached: ids of the nodes whose result came from the cache.
    """
    evaluation = _read_json(outputs["SegmentationEvaluator"]["evaluation"], EVALUATION_FILE)
    selection = _read_json(outputs["ModelSelector"]["blessing"], SELECTION_FILE)
    smoke_test = _read_json(outputs["ModelSmokeTest"]["smoke_test"], SMOKE_TEST_FILE)
    pushed = outputs["Pusher"]["pushed_model"].custom_properties
    published = pushed["pushed_destination"].string_value if pushed["pushed"].int_value else None
    baseline = evaluation["baseline"]
    verdict = "published" if published else "nothing new published"
    not_pushed = pushed[NOT_PUSHED_REASON_PROPERTY].string_value if NOT_PUSHED_REASON_PROPERTY in pushed else ""
    return {
        "candidates": {
            name: {
                **_main_figures(evaluation["candidates"].get(name, {})),
                "smoke_test": {key: smoke_test["candidates"][name][key] for key in _SMOKE_TEST_KEYS},
                "refused": name in selection["refused"],
                "reason": reason,
            }
            for name, reason in selection["candidates"].items()
        },
        "baseline": _main_figures(baseline) if baseline else None,
        "evaluation_split": evaluation["split"],
        "epoch_selected_on_evaluation_split": evaluation["split"] == VAL_SPLIT,
        "void": evaluation.get("void", "ignore"),
        "selected": selection["selected"],
        PUBLISHED: published,
        WITHDRAWN: None,
        "reason": f"{verdict}: {selection['reason']}" + (f"; but {not_pushed}" if not_pushed else ""),
        "targets": _targets(outputs) if published else {},
        "rejected": _rejected_images(outputs["VocExampleGen"]["examples"]),
        "anomalies": _read_json(outputs["DataValidator"]["validation"], VALIDATION_FILE),
        "seconds": {node: round(value, 3) for node, value in seconds.items()},
        "cached": cached,
    }


def write_summary(folder: epath.PathLike, summary: dict[str, Any]) -> dict[str, Any]:
    """Writes `summary.json`, completely or not at all.

    Returns:
        The summary as it was written: the published version may have been withdrawn meanwhile.
    """
    file, serving = epath.Path(folder) / SUMMARY_FILE, epath.Path(folder) / SERVING_FOLDER
    with publishing_lock(serving) if summary[PUBLISHED] else contextlib.nullcontext():
        summary = named_versions(summary, serving)
        write_text_whole(file, json.dumps(summary, indent=2) + "\n")
    return summary


def _main_figures(figures: dict[str, Any]) -> dict[str, Any]:
    """Selects the figures of the summary; `None` for each one that the evaluation does not have."""
    return {key: figures.get(key) for key in _EVALUATION_KEYS}


def _targets(outputs: NodeOutputs) -> dict[str, Any]:
    """Returns what was measured of each target of the published model; empty if the run exports none."""
    if "TargetExporter" not in outputs:
        return {}
    results: dict[str, Any] = _read_json(outputs["TargetExporter"]["model"], TARGETS_FILE)["targets"]
    return results


def _rejected_images(examples: metadata_store_pb2.Artifact) -> list[dict[str, str]]:
    """Returns the problems of the images that the conversion skipped."""
    rejects = epath.Path(examples.uri) / REJECTS_FILE
    return [json.loads(line) for line in rejects.read_text().splitlines()] if rejects.exists() else []


def _read_json(artifact: metadata_store_pb2.Artifact, file: str) -> Any:
    return json.loads((epath.Path(artifact.uri) / file).read_text())
