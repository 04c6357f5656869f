"""Removes versions from the publishing folder, and what killed processes left there."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from components.model_pusher.publishing_lock import has_locks
from components.run_files import SAVED_MODEL_FILE
from components.saved_model.serving_folder import version_entries

if TYPE_CHECKING:
    from etils import epath

INCOMING, REMOVING = ".incoming-", ".removing-"
"""Prefixes of folders that are being copied or removed. TensorFlow Serving skips names that are not integers."""
_ABANDONED_SECONDS = 24 * 60 * 60
"""An incoming folder that is older than this belongs to a process that was killed."""


def remove_version(version: epath.Path) -> None:
    """Removes a version: TensorFlow Serving sees all of it or nothing. Of a link, the link is removed."""
    if "://" in str(version):
        (version / SAVED_MODEL_FILE).unlink(missing_ok=True)
        version.rmtree(missing_ok=True)
    elif _is_link(version):
        version.unlink()
    else:
        version.rename(version.parent / f"{REMOVING}{version.name}-{uuid.uuid4().hex}").rmtree(missing_ok=True)


def remove_abandoned(folder: epath.Path) -> None:
    """Removes the folders of runs that were killed while they copied or removed a version.

    In an object store, a version without `saved_model.pb` is the rest of a copy that failed. It is removed only if the
    caller holds a lock, because otherwise another process could be copying it.
    """
    for path in folder.iterdir() if folder.is_dir() else ():  # in an object store an empty folder does not exist
        abandoned = path.name.startswith(INCOMING) and time.time() - path.stat().mtime > _ABANDONED_SECONDS
        if _is_link(path) and path.name.startswith(REMOVING):
            path.unlink()
        elif abandoned or path.name.startswith(REMOVING):
            path.rmtree(missing_ok=True)
    if "://" in str(folder) and has_locks(folder):
        for version in version_entries(folder):
            if not (version / SAVED_MODEL_FILE).exists():
                version.rmtree(missing_ok=True)


def _is_link(path: epath.Path) -> bool:
    return "://" not in str(path) and Path(path).is_symlink()
