"""Publishes a model to the folder that TensorFlow Serving polls, which never sees an incomplete version."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from etils import epath

from components.model_pusher.object_store import is_remote
from components.model_pusher.placing import place_in_store
from components.model_pusher.publishing_lock import publishing_lock
from components.model_pusher.removal import INCOMING, discard, prune, remove_abandoned
from components.run_files import PUBLICATION_FILE, WITHDRAWN_FOLDER
from components.saved_model.model_digest import ModelFilesError, model_digest, refuse_links
from components.saved_model.serving_folder import (
    HIGHEST_VERSION,
    latest_version,
    version_entries,
    withdrawn_versions,
)
from components.targets.published import check_targets
from tfds_voc_seg.storage import copy_folder, files_below, flush, flush_entry

if TYPE_CHECKING:
    from collections.abc import Mapping


class OutdatedComparisonError(RuntimeError):
    """Another version is in service than the one that the model was compared with; the message names it."""


@dataclasses.dataclass(frozen=True)
class Condition:
    """What must hold at the moment of publishing.

    Attributes:
        model: the `model_digest` of the model: it has passed the smoke test with this content.
        in_service: the `model_digest` of the version that the model was compared with; empty if none was in service.
    """

    model: str
    in_service: str


def publish(
    model: epath.PathLike,
    folder: epath.PathLike,
    *,
    keep_versions: int | None = None,
    condition: Condition | None = None,
    publication: Mapping[str, Any] | None = None,
) -> epath.Path:
    """Publishes a SavedModel as the highest version, then removes the oldest versions.

    The model is copied to a folder whose name TensorFlow Serving skips, flushed to disk and renamed, which is atomic on
    a local file system. Object stores (`gs://`, `s3://`) cannot rename; what happens there: `place_in_store`. One
    process at a time publishes to a folder, see `publishing_lock`. After the version is in place, nothing fails.

    Args:
        model: the SavedModel's folder.
        folder: the folder of versions; created if it does not exist.
        keep_versions: the number of newest versions to keep, at least 1: the version in service is never removed.
            `None` keeps all.
        condition: what must hold; without it, the model is published in any case.
        publication: JSON values that the version stores in `assets.extra/publication.json`. They are in place before
            the version is, so that its origin is known even if the process is killed right after the rename.

    Returns:
        The version's folder. The version is the current time in seconds, or the highest existing version (including
        withdrawn ones) plus 1 if that is larger.

    Raises:
        OutdatedComparisonError: another version is in service than the condition names.
        ModelFilesError: the model contains links or differs from the condition, its targets are not those that were
            measured, or no higher version number exists.
        LockedError: another process publishes to the folder in an object store, and does not finish.
    """
    folder = epath.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    refuse_links(model)
    with publishing_lock(folder) as still_held:
        if condition is not None:
            _check_in_service(folder, condition)
        remove_abandoned(folder)
        number = _next_number(folder)
        incoming = folder / f"{INCOMING}{uuid.uuid4().hex}"
        try:
            copy_folder(model, incoming)
            if condition is not None and model_digest(incoming) != condition.model:
                raise ModelFilesError(
                    f"{model} has changed since its smoke test, so it is not published; run the same command again"
                )
            check_targets(incoming)
            if is_remote(folder):
                claim = _write_publication(incoming, {**(publication or {}), "id": incoming.name})
                names = [str(file.relative_to(epath.Path(model))) for file in files_below(model)]
                version = place_in_store(incoming, names, number, claim, still_held)
            else:
                if publication is not None:
                    _write_publication(incoming, publication)
                flush(incoming)
                version = incoming.rename(folder / str(number))
        except BaseException:
            discard(incoming)
            raise
        with contextlib.suppress(OSError):  # the version is in service; an error here must not hide it
            flush_entry(folder)
        if is_remote(folder):
            discard(incoming)
        if keep_versions is not None:
            prune(folder, keep_versions)
    return version


def withdrawn_version_of(model: epath.PathLike, folder: epath.PathLike) -> str | None:
    """Returns the withdrawn version whose files have the same content as the model, or `None`."""
    withdrawn = withdrawn_versions(folder)
    digest = model_digest(model) if withdrawn else ""
    return next((path.name for path in reversed(withdrawn) if model_digest(path) == digest), None)


def _check_in_service(folder: epath.Path, condition: Condition) -> None:
    latest = latest_version(folder)
    if (model_digest(latest) if latest else "") != condition.in_service:
        now = f"version {latest.name} is in service now" if latest else "no version is in service now"
        raise OutdatedComparisonError(f"the model in service has changed since the comparison: {now}")


def _next_number(folder: epath.Path) -> int:
    taken = (*version_entries(folder), *version_entries(folder / WITHDRAWN_FOLDER))
    number = max([int(time.time()), *(int(path.name) + 1 for path in taken)])
    if number > HIGHEST_VERSION:
        highest = max(taken, key=lambda path: int(path.name))
        raise ModelFilesError(f"{highest} is a version, and no higher number exists; rename or remove that folder")
    return number


def _write_publication(version: epath.Path, publication: Mapping[str, Any]) -> bytes:
    """Writes the file and returns its content; an older one in the model is replaced."""
    file, content = version / PUBLICATION_FILE, json.dumps(publication, indent=2).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return content
