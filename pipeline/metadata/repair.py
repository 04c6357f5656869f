"""Checks the database and all artifacts of an output folder, and replaces or sets aside what is damaged."""

from __future__ import annotations

import dataclasses
import datetime
import sqlite3
from typing import TYPE_CHECKING

from components.locks import locked
from components.manifest import discard_manifest, find_damage, has_manifest
from components.run_files import ARTIFACTS_FOLDER, METADATA_FILE
from pipeline.metadata.database import connection, database_damage, execution_ids, has_tables
from pipeline.metadata.execution_records import ExecutionRecorder, intact_records, last_change, rows_of
from pipeline.metadata.own_versions import own_versions
from pipeline.metadata.restoration import restore_executions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COMPARED_TABLES = ("Execution", "ExecutionProperty", "Event", "EventPath")
"""Their rows do not change unless the execution does."""


@dataclasses.dataclass(frozen=True)
class Repair:
    """The result of a repair.

    Attributes:
        database: where the damaged database is now; `None` if it is intact or was missing.
        database_damage: what is wrong with it; empty if it is intact or was missing.
        restored: the number of executions that the database did not have, and has now.
        lost: one sentence per execution or version whose origin is not in the database and has no intact record.
        damaged: the folder of each damaged artifact → what is wrong with it.
        intact: the number of intact artifacts.
    """

    database: Path | None
    database_damage: str
    restored: int
    lost: tuple[str, ...]
    damaged: dict[Path, str]
    intact: int


def repair(output: Path) -> Repair:
    """Repairs an output folder, so that the same `vocseg run` replaces what is damaged. No file is deleted.

    A damaged database is renamed, and a new one is built from the records of the executions. A damaged artifact loses
    its manifest, so that the next run does not use it from the cache. Every file of every artifact is read.

    Args:
        output: the output folder of `vocseg run`.

    Raises:
        LockedError: another process uses the output folder.
        DatabaseError: the database cannot be read, so that it is unknown whether it is damaged.
        OSError: a file cannot be read, written or renamed.
    """
    with locked(output, "vocseg repair", wait=False):
        file = output / METADATA_FILE
        damage = database_damage(file) or _changed_execution(output)
        moved = None
        if damage is not None:
            time = datetime.datetime.now().astimezone()
            moved = file.rename(file.with_name(f"{METADATA_FILE}.damaged-{time:%Y%m%d-%H%M%S}"))
        restoration = restore_executions(output)
        damaged, intact = {}, 0
        for folder in _artifacts(output):
            if not has_manifest(folder):
                continue  # incomplete, a run does not use it
            problem = find_damage(folder, digests="all")
            if problem is None:
                intact += 1
            else:
                discard_manifest(folder)
                damaged[folder] = problem
        if file.exists():
            ExecutionRecorder(output).sync()  # replaces damaged records
        lost = (*restoration.problems, *_without_origin(output))
        return Repair(moved, damage or "", restoration.executions, lost, damaged, intact)


def _artifacts(output: Path) -> Iterator[Path]:
    folders = sorted(output.glob(f"{ARTIFACTS_FOLDER}/*/*/*/"))
    return (folder for folder in folders if folder.name.isascii() and folder.name.isdecimal())


def _changed_execution(output: Path) -> str | None:
    """Returns which execution in the database is not as it was recorded; a record has a checksum, the database none."""
    if not (output / METADATA_FILE).exists():
        return None
    with connection(output / METADATA_FILE) as database:
        if not has_tables(database):
            return None
        for number, recorded in intact_records(output).items():
            try:
                found = rows_of(database, number)
            except sqlite3.DatabaseError as error:
                if "no such" in str(error):  # table or column
                    return str(error)
                raise
            changed = any(found[table] != recorded[table] for table in _COMPARED_TABLES)
            if last_change(found) == last_change(recorded) is not None and changed:
                return f"execution {number} is not as it was recorded"
    return None


def _without_origin(output: Path) -> Iterator[str]:
    """Yields a sentence per execution with artifacts, and per version, that the database does not have."""
    known = execution_ids(output / METADATA_FILE) or ()
    lost = {int(folder.name): folder.parent.parent.name for folder in _artifacts(output)}
    for number, node in sorted(lost.items()):
        if number not in known:
            yield f"execution {number} of {node} has no record; its artifacts stay, but no run uses them from the cache"
    for version, pushed_model in own_versions(output):
        if int(pushed_model.name) not in known:
            yield f"the lineage of version {version.name}; the version itself is not changed"
