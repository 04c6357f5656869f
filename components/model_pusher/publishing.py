"""A model into the folder that TensorFlow Serving polls: each version is complete or absent at every instant."""

from __future__ import annotations

import hashlib
import time
import uuid

from etils import epath

from components.run_files import EXTRA_ASSETS_FOLDER, SAVED_MODEL_FILE, WITHDRAWN_FOLDER
from components.saved_model.serving_folder import version_entries, versions, withdrawn_versions
from tfds_voc_seg.storage import copy_folder, files_below, flush, flush_entry

_INCOMING, _REMOVING = ".incoming-", ".removing-"
"""How the names of folders begin that are no version yet, or none any more: no whole numbers, so nobody serves them."""
_ABANDONED_SECONDS = 24 * 60 * 60


def publish(model: epath.PathLike, folder: epath.PathLike, *, keep_versions: int | None = None) -> epath.Path:
    """Publishes a SavedModel as the highest version, then removes the oldest ones.

    The copy is made under a name that TensorFlow Serving skips, flushed to the disk and renamed, which a local file
    system does in one step. Object stores (`gs://`, `s3://`) have no such step: there `saved_model.pb` comes last, and
    a reader has to look for it.

    Args:
        model: the SavedModel's folder.
        folder: the folder of versions; made where it is missing.
        keep_versions: how many versions stay; the newest, which is the one in service, always does. `None` keeps all.

    Returns:
        The version's folder. Its number is the time in seconds, or one more than the highest so far, withdrawn ones
        included.
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


def withdrawn_twin(model: epath.PathLike, folder: epath.PathLike) -> str | None:
    """Finds the version that a rollback took out of service and that is this same model, by its files' content."""
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
            # another run has just taken the number


def _copy(source: epath.PathLike, target: epath.Path) -> None:
    copy_folder(source, target, last=lambda file: file.name == SAVED_MODEL_FILE)


def _remove(version: epath.Path) -> None:
    if "://" in str(version):
        (version / SAVED_MODEL_FILE).unlink(missing_ok=True)
    else:
        version = version.rename(version.parent / f"{_REMOVING}{version.name}-{uuid.uuid4().hex}")
    version.rmtree(missing_ok=True)


def _remove_abandoned(folder: epath.Path) -> None:
    """Removes what runs left behind that were killed while they copied or removed."""
    for path in folder.iterdir() if folder.is_dir() else ():  # an object store has no folder without a file
        copying = path.name.startswith(_INCOMING) and time.time() - path.stat().mtime > _ABANDONED_SECONDS
        if copying or path.name.startswith(_REMOVING):
            path.rmtree(missing_ok=True)


def _fingerprint(model: epath.Path) -> str:
    digest = hashlib.sha256()
    for file in files_below(model):
        name = file.relative_to(model)
        if name.parts[0] != EXTRA_ASSETS_FOLDER:
            digest.update(f"{name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
