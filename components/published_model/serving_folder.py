"""The folder that TensorFlow Serving polls: one numbered sub-folder a version."""

from __future__ import annotations

import hashlib

from etils import epath

SAVED_MODEL_FILE = "saved_model.pb"


def versions(folder: epath.PathLike) -> list[epath.Path]:
    """Lists the versions that hold a SavedModel, oldest first; empty where the folder is missing."""
    if not epath.Path(folder).is_dir():
        return []
    complete = [
        path for path in epath.Path(folder).iterdir() if path.name.isdigit() and (path / SAVED_MODEL_FILE).is_file()
    ]
    return sorted(complete, key=lambda path: int(path.name))


def latest_version(folder: epath.PathLike) -> epath.Path | None:
    """The version that TensorFlow Serving serves by default: the highest number."""
    return versions(folder)[-1] if versions(folder) else None


def serving_state(folder: epath.PathLike) -> str:
    """A hash that changes when another model is in service; empty where none is."""
    latest = latest_version(folder)
    if latest is None:
        return ""
    digest = hashlib.sha256(latest.name.encode())
    for path in sorted(path for pattern in ("*", "variables/*") for path in latest.glob(pattern)):
        if path.is_file():
            digest.update(f"{path.relative_to(latest)}\0{path.stat().length}\0{path.stat().mtime}".encode())
    return digest.hexdigest()
