"""The folder that TensorFlow Serving polls, with one numbered sub-folder per version. Needs no TensorFlow.

TensorFlow Serving treats every entry whose name is a whole number as a version, does not look inside before it loads
it, serves the highest number, and ignores all other names (`file_system_storage_path_source.cc`). Versions that a
rollback removed from service are in `withdrawn/`, which TensorFlow Serving therefore ignores.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from etils import epath

from components.run_files import SAVED_MODEL_FILE, SERVING_FOLDER, WITHDRAWN_FOLDER
from tfds_voc_seg.storage import StorageError, files_below, local_path, require_no_pattern

if TYPE_CHECKING:
    import os


HIGHEST_VERSION = 2**63 - 1
"""TensorFlow Serving reads a version as a signed number of 64 bits, and ignores higher ones."""


class ModelNotFoundError(ValueError):
    """A path holds no model; the message names the path and what can be given instead."""


def version_entries(folder: epath.PathLike) -> list[epath.Path]:
    """Lists the entries named like a version, complete or not, oldest first; empty if the folder does not exist."""
    if not epath.Path(folder).is_dir():
        return []
    return sorted((path for path in epath.Path(folder).iterdir() if _is_version(path.name)), key=_number)


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdecimal() and int(name) <= HIGHEST_VERSION


def _number(path: epath.Path) -> int:
    return int(path.name)


def versions(folder: epath.PathLike) -> list[epath.Path]:
    """Lists the versions that hold a SavedModel, oldest first; empty if the folder does not exist."""
    return [path for path in version_entries(folder) if (path / SAVED_MODEL_FILE).is_file()]


def withdrawn_versions(folder: epath.PathLike) -> list[epath.Path]:
    """Lists the versions that a rollback removed from service, oldest first."""
    return versions(epath.Path(folder) / WITHDRAWN_FOLDER)


def latest_version(folder: epath.PathLike) -> epath.Path | None:
    """Returns the version that TensorFlow Serving serves by default: the highest number; `None` without versions."""
    complete = versions(folder)
    return complete[-1] if complete else None


def serving_state(folder: epath.PathLike) -> str:
    """Computes a hash that changes when another model is in service, or any of its files; empty if no model is."""
    latest = latest_version(folder)
    if latest is None:
        return ""
    digest = hashlib.sha256(latest.name.encode())
    for path in files_below(latest):
        digest.update(f"{path.relative_to(latest)}\0{path.stat().length}\0{path.stat().mtime}".encode())
    return digest.hexdigest()


def find_saved_model(model: str | os.PathLike[str]) -> Path:
    """Finds the SavedModel that a user names.

    Args:
        model: a SavedModel, a publishing folder (its latest version), or a run's output folder (the latest version that
            the run's publishing folder holds).

    Returns:
        The SavedModel's folder, absolute.

    Raises:
        ModelNotFoundError: the folder is none of these, cannot be opened, or has a path that TensorFlow takes for a
            pattern.
    """
    try:
        folder = local_path(Path(model)).resolve()
        if (folder / SAVED_MODEL_FILE).is_file():
            require_no_pattern(folder)
            return folder
        for serving_folder in (folder, folder / SERVING_FOLDER):
            latest = latest_version(serving_folder)
            if latest is not None:
                require_no_pattern(latest)
                return Path(latest)
    except PermissionError as error:
        raise ModelNotFoundError(f"{model} cannot be opened ({error.strerror}): allow access to it") from error
    except StorageError as error:
        raise ModelNotFoundError(str(error)) from error
    raise ModelNotFoundError(
        f"{model} holds no model: name a SavedModel, a publishing folder of versions, or the output folder of a run"
    )
