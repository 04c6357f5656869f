"""The folder that TensorFlow Serving polls: one numbered sub-folder a version.

TensorFlow Serving takes every entry whose name is a whole number for a version, looks at nothing inside before it loads
it, serves the highest one, and skips all other names (`file_system_storage_path_source.cc`). Versions that a rollback
took out of service lie in `withdrawn/`, which it skips too.
"""

from __future__ import annotations

import hashlib

from etils import epath

from components.run_files import SAVED_MODEL_FILE, WITHDRAWN_FOLDER


def numbered(folder: epath.PathLike) -> list[epath.Path]:
    """Lists the entries that are named as a version, whole or not, oldest first; empty where the folder is missing."""
    if not epath.Path(folder).is_dir():
        return []
    named = [path for path in epath.Path(folder).iterdir() if path.name.isascii() and path.name.isdecimal()]
    return sorted(named, key=lambda path: int(path.name))


def versions(folder: epath.PathLike) -> list[epath.Path]:
    """Lists the versions that hold a SavedModel, oldest first; empty where the folder is missing."""
    return [path for path in numbered(folder) if (path / SAVED_MODEL_FILE).is_file()]


def withdrawn_versions(folder: epath.PathLike) -> list[epath.Path]:
    """Lists the versions that a rollback took out of service, oldest first."""
    return versions(epath.Path(folder) / WITHDRAWN_FOLDER)


def latest_version(folder: epath.PathLike) -> epath.Path | None:
    """The version that TensorFlow Serving serves by default: the highest number."""
    complete = versions(folder)
    return complete[-1] if complete else None


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
