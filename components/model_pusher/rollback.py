"""Takes newer versions out of service, so that an earlier version is served; can be undone."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

from etils import epath

from components.model_pusher.publishing_lock import publishing_lock
from components.model_pusher.removal import move_version
from components.model_pusher.run_summary import versions_changed
from components.run_files import WITHDRAWN_FOLDER
from components.saved_model.serving_folder import latest_version, versions, withdrawn_versions

if TYPE_CHECKING:
    from collections.abc import Callable


class RollbackError(ValueError):
    """A rollback is not possible; the message says why."""


@dataclasses.dataclass(frozen=True)
class Rollback:
    """The result of a rollback.

    Attributes:
        in_service: the version that is now in service.
        withdrawn: the versions that this rollback took out of service, oldest first.
        restored: whether an earlier rollback had withdrawn the version that is now in service.
    """

    in_service: str
    withdrawn: tuple[str, ...]
    restored: bool


def rollback(
    folder: epath.PathLike, to: str | None = None, on_wait: Callable[[str], None] = logging.warning
) -> Rollback:
    """Takes versions out of service by moving them to `withdrawn/`, which TensorFlow Serving skips.

    Each move is one rename; for an object store see `move_version`. The order of the moves ensures that TensorFlow
    Serving only ever serves the previous version or the requested one.

    Args:
        folder: the folder of versions.
        to: the version to serve, which may be a withdrawn one; by default the version before the newest.
        on_wait: receives a sentence before it waits for a process that publishes.

    Raises:
        RollbackError: the version does not exist, or there is no earlier version.
    """
    with publishing_lock(folder, on_wait):
        return _rollback(epath.Path(folder), to)


def _rollback(folder: epath.Path, to: str | None) -> Rollback:
    served = [path.name for path in versions(folder)]
    withdrawn = [path.name for path in withdrawn_versions(folder)]
    target = _default_target(folder, served, withdrawn) if to is None else _named_target(folder, to, served, withdrawn)
    restored = target in withdrawn
    if restored:
        move_version(folder / WITHDRAWN_FOLDER / target, folder / target)
    newer = [version for version in served if int(version) > int(target)]
    if newer:
        (folder / WITHDRAWN_FOLDER).mkdir(parents=True, exist_ok=True)
    for version in newer:  # oldest first, so that the newest version stays in service until the last rename
        move_version(folder / version, folder / WITHDRAWN_FOLDER / version)
    versions_changed(folder)
    latest = latest_version(folder)
    if latest is None or latest.name != target:
        raise RollbackError(f"another process changed {folder} during the rollback; check the folder and try again")
    return Rollback(target, tuple(newer), restored)


def _default_target(folder: epath.Path, served: list[str], withdrawn: list[str]) -> str:
    hint = f"; to restore a withdrawn version, use --to with one of {', '.join(withdrawn)}" if withdrawn else ""
    if not served:
        raise RollbackError(f"no version is in service in {folder}{hint}")
    if len(served) == 1:
        raise RollbackError(f"version {served[0]} is the only one in {folder}, so there is no earlier version{hint}")
    return served[-2]


def _named_target(folder: epath.Path, to: str, served: list[str], withdrawn: list[str]) -> str:
    if to not in (*served, *withdrawn):
        listed = f"in service: {', '.join(served) or 'none'}; withdrawn: {', '.join(withdrawn) or 'none'}"
        raise RollbackError(f"version {to} does not exist in {folder} ({listed})")
    return to
