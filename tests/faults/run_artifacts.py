"""Reads what the artifacts of an output folder say, from outside: with files and SQL, without the metadata code."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.manifest import find_damage, has_manifest, read_manifest
from components.saved_model.model_digest import model_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

_EVALUATED_MODELS = """
SELECT result.uri, path.step_key, model.uri FROM Event AS output
JOIN Artifact AS result ON result.id = output.artifact_id
JOIN Event AS input ON input.execution_id = output.execution_id AND input.type = 3
JOIN EventPath AS path ON path.event_id = input.id
JOIN Artifact AS model ON model.id = input.artifact_id
WHERE output.type = 4 AND result.uri LIKE '%/SegmentationEvaluator/evaluation/%'
AND substr(path.step_key, 1, 6) = 'model_'
"""
"""Per evaluation and candidate: the evaluation, the candidate's input key, and its model."""


def artifacts(output: Path) -> list[Path]:
    """Lists the folders of all artifacts."""
    return sorted(path for path in output.glob("tfx/*/*/*/") if path.name.isdecimal())


def newest_artifact(output: Path, node: str, key: str) -> Path:
    """Returns the newest artifact of a node."""
    complete = [path for path in artifacts(output) if path.parts[-3:-1] == (node, key) and has_manifest(path)]
    return max(complete, key=lambda path: int(path.name))


def tested_models(output: Path) -> set[str]:
    """Returns the digests of the models that have passed the smoke test."""
    digests = set()
    for artifact in artifacts(output):
        if artifact.parts[-2] == "smoke_test" and find_damage(artifact, digests="all") is None:
            results = _read(artifact / "smoke_test.json")["candidates"].values()
            digests |= {result["digest"] for result in results if result["passed"]}
    return digests


def better_models(output: Path) -> set[tuple[str, str]]:
    """Returns which model beat which other one on the same records, as an evaluation measured it.

    Returns:
        Pairs of `model_digest`: the model that was in service (empty if none was), and the candidate that beat it.
    """
    if not (output / "metadata.sqlite").exists():
        return set()
    with contextlib.closing(sqlite3.connect(output / "metadata.sqlite")) as database:
        rows = [(Path(result), key, Path(model)) for result, key, model in database.execute(_EVALUATED_MODELS)]
    pairs = set()
    for result, key, model in rows:
        if not (result.exists() and model.exists()) or find_damage(result, digests="all"):
            continue
        evaluation = _read(result / "evaluation.json")
        measured, baseline = evaluation["candidates"].get(key.removeprefix("model_")), evaluation["baseline"]
        if measured and (baseline is None or measured["mean_iou"] > baseline["mean_iou"]):
            pairs.add((evaluation["in_service_digest"], model_digest(model / "Format-Serving")))
    return pairs


def wrong_data(output: Path) -> Iterator[str]:
    """Yields which records, validated images and evaluated images differ, and which images are there twice."""
    examples = newest_artifact(output, "VocExampleGen", "examples")
    ids = {
        split: [name for shard in sorted((examples / f"Split-{split}").iterdir()) for name in record_ids(shard)]
        for split in ("train", "val")
    }
    every_id = [*ids["train"], *ids["val"]]
    if len({*every_id}) != len(every_id):
        yield f"an image is in the records twice: {sorted(every_id)}"
    declared = {
        split: sum(file.records or 0 for file in read_manifest(examples) if f"Split-{split}/" in file.name)
        for split in ids
    }
    validated = _read(newest_artifact(output, "DataValidator", "validation") / "data_summary.json")
    evaluation = newest_artifact(output, "SegmentationEvaluator", "evaluation")
    for split, found in ids.items():
        numbers = {"records": len(found), "manifest": declared[split], "validated": validated[split]["images"]}
        if split == "val":
            numbers["evaluated"] = _read(evaluation / "evaluation.json")["images"]
        if len({*numbers.values()}) != 1:
            yield f"the numbers of {split} images differ: {numbers}"
    evaluated = [json.loads(line)["image_id"] for line in (evaluation / "images.jsonl").read_text().splitlines()]
    if sorted(evaluated) != sorted(ids["val"]):
        yield f"the images {sorted(evaluated)} were evaluated, not {sorted(ids['val'])}"


def record_ids(shard: Path) -> Iterator[str]:
    """Reads the image ids of all records in a shard, without TensorFlow's threads."""
    from tensorflow.core.example.example_pb2 import Example

    content = shard.read_bytes()
    start = 0
    while start < len(content):
        size = int.from_bytes(content[start : start + 8], "little")
        example = Example.FromString(content[start + 12 : start + 12 + size])
        yield example.features.feature["filename"].bytes_list.value[0].decode()
        start += 12 + size + 4


def _read(file: Path) -> Any:
    return json.loads(file.read_text())
