"""Publishes a model to the folder that TensorFlow Serving polls, which never sees an incomplete version."""

from __future__ import annotations

import hashlib
import time
import uuid

from etils import epath

from components.run_files import EXTRA_ASSETS_FOLDER, SAVED_MODEL_FILE, WITHDRAWN_FOLDER
from components.saved_model.serving_folder import version_entries, versions, withdrawn_versions
from tfds_voc_seg.storage import copy_folder, files_below, flush, flush_entry

_INCOMING, _REMOVING = ".incoming-", ".removing-"
"""Prefixes of folders that are being copied or removed. TensorFlow Serving skips names that are not integers."""
_ABANDONED_SECONDS = 24 * 60 * 60
"""An incoming folder that is older than this belongs to a process that was killed."""


def publish(model: epath.PathLike, folder: epath.PathLike, *, keep_versions: int | None = None) -> epath.Path:
    """Publishes a SavedModel as the highest version, then removes the oldest versions.

    The model is copied to a folder whose name TensorFlow Serving skips, flushed to disk and renamed, which is atomic on
    a local file system. Object stores (`gs://`, `s3://`) cannot rename atomically. There `saved_model.pb` is written
    last, and a reader must check that it exists.

    Args:
        model: the SavedModel's folder.
        folder: the folder of versions; created if it does not exist.
        keep_versions: the number of newest versions to keep, at least 1: the version in service is never removed.
            `None` keeps all.

    Returns:
        The version's folder. The version is the current time in seconds, or the highest existing version (including
        withdrawn ones) plus 1 if that is larger.
    """
    folder = epath.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder)
    if "://" in str(folder):
        version = folder / str(_next_number(folder))
        _copy(model, version)
    else:
        incoming = folder / f"{_INCOMING}{uuid.uuid4().hex}"
        try:
            _copy(model, incoming)
            flush(incoming)
            version = _rename_to_next(incoming, folder)
        except BaseException:
            incoming.rmtree(missing_ok=True)
            raise
        flush_entry(folder)
    if keep_versions is not None:
        for old in versions(folder)[:-keep_versions]:
            _remove(old)
    return version


def withdrawn_version_of(model: epath.PathLike, folder: epath.PathLike) -> str | None:
    """Returns the withdrawn version whose files have the same content as the model, or `None`."""
    withdrawn = withdrawn_versions(folder)
    fingerprint = _fingerprint(epath.Path(model)) if withdrawn else ""
    return next((path.name for path in reversed(withdrawn) if _fingerprint(path) == fingerprint), None)


def _next_number(folder: epath.Path) -> int:
    taken = (*version_entries(folder), *version_entries(folder / WITHDRAWN_FOLDER))
    return max([int(time.time()), *(int(path.name) + 1 for path in taken)])


def _rename_to_next(incoming: epath.Path, folder: epath.Path) -> epath.Path:
    while True:
        version = folder / str(_next_number(folder))
        try:
            return incoming.rename(version)
        except OSError:
            if not version.exists():
                raise
            # another run has created this version in the meantime: try the next number


def _copy(source: epath.PathLike, target: epath.Path) -> None:
    copy_folder(source, target, last=lambda file: file.name == SAVED_MODEL_FILE)


def _remove(version: epath.Path) -> None:
    if "://" in str(version):
        (version / SAVED_MODEL_FILE).unlink(missing_ok=True)
    else:
        version = version.rename(version.parent / f"{_REMOVING}{version.name}-{uuid.uuid4().hex}")
    version.rmtree(missing_ok=True)


def _remove_abandoned(folder: epath.Path) -> None:
    """Removes the folders of runs that were killed while they copied or removed a version."""
    for path in folder.iterdir() if folder.is_dir() else ():  # in an object store an empty folder does not exist
        abandoned = path.name.startswith(_INCOMING) and time.time() - path.stat().mtime > _ABANDONED_SECONDS
        if abandoned or path.name.startswith(_REMOVING):
            path.rmtree(missing_ok=True)


def _fingerprint(model: epath.Path) -> str:
    digest = hashlib.sha256()
    for file in files_below(model):
        name = file.relative_to(model)
        if name.parts[0] != EXTRA_ASSETS_FOLDER:  # such as the model card, which does not change the predictions
            digest.update(f"{name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
