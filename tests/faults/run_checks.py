"""Checks an output folder from outside: with files and SQL, without the project's metadata code."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any

from components.manifest import find_damage
from tests.faults.run_artifacts import artifacts, wrong_data

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PUSHED_VERSIONS = """
SELECT property.string_value FROM ArtifactProperty AS property
JOIN Artifact ON Artifact.id = property.artifact_id JOIN Type ON Type.id = Artifact.type_id
WHERE Type.name = 'PushedModel' AND property.name = 'pushed_version'
"""
_MODEL_FILES = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")


def published_versions(output: Path) -> list[Path]:
    """Lists the versions in service, oldest first."""
    serving = output / "serving"
    names = [path.name for path in serving.iterdir() if path.name.isdecimal()] if serving.is_dir() else []
    return [serving / name for name in sorted(names, key=int)]


def network_of(version: Path) -> str:
    """Returns the network of a version."""
    network: str = json.loads((version / "assets/segmentation.json").read_text())["network"]
    return network


def always_true(output: Path) -> Iterator[str]:
    """Yields what must not be, even after a run that was killed: partial versions, and a summary that is wrong."""
    for version in published_versions(output):
        missing = [name for name in _MODEL_FILES if not (version / name).is_file()]
        if missing:
            yield f"version {version.name} has no {', '.join(missing)}"
    summary = output / "summary.json"
    if summary.exists():
        published = _read(summary)["published"]
        if published is not None and published not in map(str, published_versions(output)):
            yield f"summary.json names the missing version {published}"


def finished(output: Path, network: str, versions: int | None, mean_iou: float) -> Iterator[str]:
    """Yields what is wrong or missing after a run has ended with success.

    Args:
        output: the output folder.
        network: the network that must be in service.
        versions: the number of versions that must be in service; `None` if any number is right.
        mean_iou: the mean IoU that the run must have measured for this network.
    """
    yield from always_true(output)
    served = published_versions(output)
    if [network_of(version) for version in served[-1:]] != [network]:
        yield f"in service is {[network_of(version) for version in served]}, not {network}"
    if versions is not None and len(served) != versions:
        yield f"{len(served)} versions are in service, not {versions}"
    recorded = pushed_versions(output)
    for version in served:
        if recorded.count(version.name) != 1:
            yield f"version {version.name} has {recorded.count(version.name)} push records"
    yield from _wrong_results(output, network.partition(":")[2], mean_iou)
    newest = {artifact.parent: artifact for artifact in sorted(artifacts(output), key=lambda path: int(path.name))}
    for artifact in newest.values():  # the artifacts that the run has made or used
        damage = find_damage(artifact, digests="all")
        if damage is not None:
            yield f"an artifact is damaged: {damage}"


def _wrong_results(output: Path, candidate: str, mean_iou: float) -> Iterator[str]:
    if not (output / "summary.json").exists():
        yield "there is no summary.json"
        return
    measured = _read(output / "summary.json")["candidates"][candidate]["mean_iou"]
    if measured != mean_iou:
        yield f"the mean IoU of {candidate} is {measured}, not {mean_iou}"
    yield from wrong_data(output)


def pushed_versions(output: Path) -> list[str]:
    """Lists the versions of which the metadata have a push record."""
    with contextlib.closing(sqlite3.connect(output / "metadata.sqlite")) as database:
        return [version for (version,) in database.execute(_PUSHED_VERSIONS)]


def tables(output: Path) -> set[str]:
    """Returns the names of the tables of the database."""
    with contextlib.closing(sqlite3.connect(output / "metadata.sqlite")) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _read(file: Path) -> Any:
    return json.loads(file.read_text())
