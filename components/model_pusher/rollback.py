"""The way back: the newest version out of service, whole, so that an earlier one is served; and back again."""

from __future__ import annotations

import dataclasses

from etils import epath

from components.run_files import WITHDRAWN_FOLDER
from components.saved_model.serving_folder import latest_version, versions, withdrawn_versions


class RollbackError(ValueError):
    """A rollback that can't be done; the message is for people."""


@dataclasses.dataclass(frozen=True)
class Rollback:
    """What a rollback did.

    Attributes:
        in_service: the version that is served now.
        withdrawn: the versions that were taken out of service, oldest first.
        restored: whether the version in service had been withdrawn before.
    """

    in_service: str
    withdrawn: tuple[str, ...]
    restored: bool


def rollback(folder: epath.PathLike, to: str | None = None) -> Rollback:
    """Takes versions out of service by moving them to `withdrawn/`, which TensorFlow Serving skips.

    Each move is one renaming, and the moves are ordered so that no version is served in between but the one before and
    the one after.

    Args:
        folder: the folder of versions.
        to: the version to serve, one that a rollback withdrew included; by default the one before the newest.

    Raises:
        RollbackError: there is nothing to go back to, or no such version.
    """
    folder = epath.Path(folder)
    served = [path.name for path in versions(folder)]
    withdrawn = [path.name for path in withdrawn_versions(folder)]
    target = _default_target(folder, served, withdrawn) if to is None else _named_target(folder, to, served, withdrawn)
    restored = target in withdrawn
    if restored:
        (folder / WITHDRAWN_FOLDER / target).rename(folder / target)
    newer = [version for version in served if int(version) > int(target)]
    if newer:
        (folder / WITHDRAWN_FOLDER).mkdir(exist_ok=True)
    for version in newer:  # oldest first: the newest stays in service until it is its turn
        (folder / version).rename(folder / WITHDRAWN_FOLDER / version)
    latest = latest_version(folder)
    if latest is None or latest.name != target:
        raise RollbackError(f"{folder} was changed by somebody else meanwhile; look at it and try again")
    return Rollback(target, tuple(newer), restored)


def _default_target(folder: epath.Path, served: list[str], withdrawn: list[str]) -> str:
    hint = f"; withdrawn are {', '.join(withdrawn)}, which --to VERSION puts back" if withdrawn else ""
    if not served:
        raise RollbackError(f"no version is in service in {folder}{hint}")
    if len(served) == 1:
        raise RollbackError(f"version {served[0]} is the only one in {folder}: there is nothing to go back to{hint}")
    return served[-2]


def _named_target(folder: epath.Path, to: str, served: list[str], withdrawn: list[str]) -> str:
    if to not in (*served, *withdrawn):
        there = ", ".join(served) or "none"
        aside = f"; withdrawn are {', '.join(withdrawn)}" if withdrawn else ""
        raise RollbackError(f"there is no version {to} in {folder}; there are {there}{aside}")
    return to
