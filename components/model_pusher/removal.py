"""Moves and removes versions of the publishing folder, and removes what killed processes left there."""

from __future__ import annotations

import logging
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from components.model_pusher.object_store import has_conditional_writes, is_remote
from components.model_pusher.run_summary import version_leaves
from components.run_files import SAVED_MODEL_FILE, WITHDRAWN_FOLDER
from components.saved_model.serving_folder import version_entries, versions
from tfds_voc_seg.storage import copy_folder, files_below

if TYPE_CHECKING:
    from etils import epath

INCOMING, REMOVING = ".incoming-", ".removing-"
"""Prefixes of folders that are being copied or removed. TensorFlow Serving skips names that are not integers."""
_ABANDONED_SECONDS = 24 * 60 * 60
"""An incoming folder that is older than this belongs to a process that was killed."""


def remove_version(version: epath.Path) -> None:
    """Removes a version: TensorFlow Serving sees all of it or nothing. Of a link, the link is removed."""
    version_leaves(version)
    if is_remote(version):
        (version / SAVED_MODEL_FILE).unlink(missing_ok=True)
        version.rmtree(missing_ok=True)
    elif _is_link(version):
        version.unlink()
    else:
        version.rename(version.parent / f"{REMOVING}{version.name}-{uuid.uuid4().hex}").rmtree(missing_ok=True)


def move_version(version: epath.Path, target: epath.Path) -> None:
    """Moves a version to another folder; in both, a server sees all of it or nothing.

    On a disk it is one rename. An object store has no rename: the version is copied, and removed if the copy is
    complete; if this fails, it is still where it was.
    """
    version_leaves(version, target)
    if is_remote(version):
        copy_folder(version, target, last=lambda file: file.name == SAVED_MODEL_FILE)
        remove_version(version)
    elif _is_link(version):
        Path(target).symlink_to(Path(version).resolve())  # a relative link would end elsewhere
        version.unlink()
    else:
        version.rename(target)


def prune(folder: epath.Path, keep_versions: int) -> None:
    """Removes the oldest versions. An error is only logged: it must not hide that a new version is in service."""
    try:
        for old in versions(folder)[:-keep_versions]:
            remove_version(old)
    except Exception as error:  # botocore has errors of many types
        logging.warning("old versions could not be removed: %s; the next publication tries again", error)


def discard(copy: epath.Path) -> None:
    """Removes an incoming folder or an incomplete version, after an error that is more important than another one."""
    try:
        if copy.name.isdecimal():
            remove_version(copy)
        else:
            copy.rmtree(missing_ok=True)
    except Exception as error:
        logging.warning("%s could not be removed: %s; the next publication removes it", copy, error)


def remove_abandoned(folder: epath.Path) -> None:
    """Removes the folders of runs that were killed while they copied or removed a version.

    In an object store, a version without `saved_model.pb` is the rest of a copy that failed. It is removed only if the
    caller holds a lock, because otherwise another process could be copying it.
    """
    locked_store = is_remote(folder) and has_conditional_writes(folder)
    for path in folder.iterdir() if folder.is_dir() else ():  # in an object store an empty folder does not exist
        if _is_link(path) and path.name.startswith(REMOVING):
            path.unlink()
        elif path.name.startswith(REMOVING) or (
            path.name.startswith(INCOMING) and (locked_store or _age(path) > _ABANDONED_SECONDS)
        ):
            path.rmtree(missing_ok=True)
    if locked_store:
        for version in (*version_entries(folder), *version_entries(folder / WITHDRAWN_FOLDER)):
            if not (version / SAVED_MODEL_FILE).exists():
                version.rmtree(missing_ok=True)


def _age(path: epath.Path) -> float:
    """The time since the last change of a folder, in seconds; a store knows it only of files."""
    if not is_remote(path):
        return float(time.time() - path.stat().mtime)
    return float(time.time() - max((file.stat().mtime for file in files_below(path)), default=0))


def _is_link(path: epath.Path) -> bool:
    return not is_remote(path) and Path(path).is_symlink()
