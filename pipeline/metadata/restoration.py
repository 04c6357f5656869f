"""Restores executions that a database of ML Metadata has lost, from their records."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ml_metadata import errors
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from components.run_files import METADATA_FILE
from pipeline.metadata.database import connection, execution_ids, unreadable
from pipeline.metadata.execution_records import RecordError, read_record, record_files, schema_version
from tfds_voc_seg.storage import written_whole

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from pipeline.metadata.execution_records import Rows

_JOURNAL = "-journal"


@dataclasses.dataclass(frozen=True)
class Restoration:
    """What was restored.

    Attributes:
        executions: the number of executions that the database did not have, and has now.
        problems: one sentence per record that cannot be used.
    """

    executions: int
    problems: tuple[str, ...]


def restore_executions(output: Path) -> Restoration:
    """Adds the executions that have a record but are not in the database, which is created if it does not exist.

    Args:
        output: the output folder of `vocseg run`; its database is intact or missing, and no other process uses it.

    Raises:
        DatabaseError: the database cannot be read or written.
        OSError: its folder cannot be written.
    """
    file = output / METADATA_FILE
    known = execution_ids(file)
    lost = {number: path for number, path in record_files(output).items() if number not in (known or ())}
    if not lost:
        return Restoration(0, ())
    if known is not None:
        with connection(file) as database:
            return _insert(database, lost)
    _set_journal_aside(file)
    with written_whole(file) as unfinished:
        settings = metadata_store_pb2.ConnectionConfig()
        settings.sqlite.filename_uri = str(unfinished)
        try:
            MetadataStore(settings)  # creates the tables
        except (errors.StatusError, RuntimeError) as error:
            raise unreadable(unfinished, error) from error
        with connection(unfinished) as database:
            return _insert(database, lost)


def _insert(database: sqlite3.Connection, records: dict[int, Path]) -> Restoration:
    problems, count, expected = [], 0, schema_version(database)
    for number, file in records.items():
        try:
            version, rows = read_record(file)
        except RecordError as error:
            problems.append(f"execution {number}: {error}")
            continue
        if version != expected:
            problems.append(
                f"execution {number}: {file} is for version {version} of ML Metadata's tables, not {expected}"
            )
            continue
        _insert_rows(database, rows)
        count += 1
    database.commit()
    return Restoration(count, tuple(problems))


def _insert_rows(database: sqlite3.Connection, rows: Rows) -> None:
    for event in rows["Event"]:  # the only table whose rows have no key of their own
        database.execute("DELETE FROM EventPath WHERE event_id = ?", (event["id"],))
    for table, found in rows.items():
        for row in found:
            columns, places = ", ".join(f"`{name}`" for name in row), ", ".join("?" * len(row))
            database.execute(f"INSERT OR REPLACE INTO `{table}` ({columns}) VALUES ({places})", [*row.values()])


def _set_journal_aside(file: Path) -> None:
    """Renames the journal of a database that is lost: SQLite would apply it to the new one."""
    journal = file.with_name(file.name + _JOURNAL)
    if journal.exists():
        journal.rename(journal.with_name(f"{journal.name}.damaged"))
