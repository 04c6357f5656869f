"""`summary.json`: what a run came to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from etils import epath
from ml_metadata.proto import metadata_store_pb2

from components.model_pusher.executor import NOT_PUSHED_REASON_PROPERTY
from components.run_files import EVALUATION_FILE, SELECTION_FILE, SMOKE_TEST_FILE, SUMMARY_FILE, VALIDATION_FILE
from pipeline.metadata.runs import NodeOutputs
from tfds_voc_seg.records.files import REJECTS_FILE
from tfds_voc_seg.storage import write_text_whole

_SHOWN_FIGURES = ("mean_iou", "pixel_accuracy", "per_class_iou", "parameters", "train_seconds")
_SHOWN_OF_SMOKE_TEST = ("passed", "problems", "latency_seconds", "peak_memory_bytes")


def make_summary(outputs: NodeOutputs, seconds: Mapping[str, float], cached: list[str]) -> dict[str, Any]:
    """Puts the run's figures together.

    Args:
        outputs: of every node.
        seconds: node id → how long it took.
        cached: the nodes that were not executed.
    """
    evaluation = _read_json(outputs["SegmentationEvaluator"]["evaluation"], EVALUATION_FILE)
    selection = _read_json(outputs["ModelSelector"]["blessing"], SELECTION_FILE)
    smoke_test = _read_json(outputs["ModelSmokeTest"]["smoke_test"], SMOKE_TEST_FILE)
    pushed = outputs["Pusher"]["pushed_model"].custom_properties
    published = pushed["pushed_destination"].string_value if pushed["pushed"].int_value else None
    baseline = evaluation["baseline"]
    verdict = "published" if published else "nothing new published"
    withheld = pushed[NOT_PUSHED_REASON_PROPERTY].string_value if NOT_PUSHED_REASON_PROPERTY in pushed else ""
    return {
        "candidates": {
            name: {
                **_shown(evaluation["candidates"].get(name, {})),
                "smoke_test": {key: smoke_test["candidates"][name][key] for key in _SHOWN_OF_SMOKE_TEST},
                "refused": name in selection["refused"],
                "reason": reason,
            }
            for name, reason in selection["candidates"].items()
        },
        "baseline": _shown(baseline) if baseline else None,
        "selected": selection["selected"],
        "published": published,
        "reason": f"{verdict}: {selection['reason']}" + (f"; but {withheld}" if withheld else ""),
        "rejected": _rejected(outputs["VocExampleGen"]["examples"]),
        "anomalies": _read_json(outputs["DataValidator"]["validation"], VALIDATION_FILE),
        "seconds": {node: round(value, 3) for node, value in seconds.items()},
        "cached": cached,
    }


def write_summary(folder: epath.PathLike, summary: dict[str, Any]) -> None:
    """Writes `summary.json`, whole or not at all."""
    write_text_whole(epath.Path(folder) / SUMMARY_FILE, json.dumps(summary, indent=2) + "\n")


def _shown(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures that the summary shows; null where a candidate could not be evaluated."""
    return {key: figures.get(key) for key in _SHOWN_FIGURES}


def _rejected(examples: metadata_store_pb2.Artifact) -> list[dict[str, str]]:
    """The devkit's images that the conversion left out because they are bad."""
    rejects = epath.Path(examples.uri) / REJECTS_FILE
    return [json.loads(line) for line in rejects.read_text().splitlines()] if rejects.exists() else []


def _read_json(artifact: metadata_store_pb2.Artifact, file: str) -> Any:
    return json.loads((epath.Path(artifact.uri) / file).read_text())
