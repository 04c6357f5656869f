"""Checks the database and all artifacts of an output folder, and sets damaged ones aside."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING

from components.locks import locked
from components.manifest import discard_manifest, find_damage, has_manifest
from components.run_files import ARTIFACTS_FOLDER, METADATA_FILE
from pipeline.metadata.database import database_damage

if TYPE_CHECKING:
    from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Repair:
    """The result of a repair.

    Attributes:
        database: where the damaged database is now; `None` if it is intact.
        database_damage: what is wrong with it; empty if it is intact.
        damaged: the folder of each damaged artifact → what is wrong with it.
        intact: the number of intact artifacts.
    """

    database: Path | None
    database_damage: str
    damaged: dict[Path, str]
    intact: int


def repair(output: Path) -> Repair:
    """Repairs an output folder, so that the same `vocseg run` replaces what is damaged. No file is deleted.

    A damaged database is renamed. A damaged artifact loses its manifest, so that the next run does not use it from the
    cache. Every file of every artifact is read.

    Args:
        output: the output folder of `vocseg run`.

    Raises:
        LockedError: another process uses the output folder.
        DatabaseError: the database cannot be read, so that it is unknown whether it is damaged.
        OSError: a file cannot be read or renamed.
    """
    with locked(output, "vocseg repair", wait=False):
        file = output / METADATA_FILE
        damage = database_damage(file)
        moved = None
        if damage is not None:
            time = datetime.datetime.now().astimezone()
            moved = file.rename(file.with_name(f"{METADATA_FILE}.damaged-{time:%Y%m%d-%H%M%S}"))
        damaged, intact = {}, 0
        for folder in sorted(output.glob(f"{ARTIFACTS_FOLDER}/*/*/*/")):
            if not folder.name.isdecimal() or not has_manifest(folder):
                continue  # not an artifact, or incomplete, which a run does not use
            problem = find_damage(folder, digests="all")
            if problem is None:
                intact += 1
            else:
                discard_manifest(folder)
                damaged[folder] = problem
        return Repair(moved, damage or "", damaged, intact)
