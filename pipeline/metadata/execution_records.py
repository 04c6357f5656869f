"""Records each execution in a file beside the artifacts, from which a lost database of ML Metadata can be rebuilt.

A record holds the rows that ML Metadata stores about one execution: the execution itself, its parameters, contexts,
inputs and outputs. Rows instead of messages, because TFX's cache key depends on ids and times, which ML Metadata's API
cannot set.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from typing import TYPE_CHECKING, Any

from components.run_files import ARTIFACTS_FOLDER, EXECUTIONS_FOLDER, METADATA_FILE
from pipeline.metadata.database import connection, has_tables
from tfds_voc_seg.storage import write_text_whole

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

Rows = dict[str, list[dict[str, Any]]]
"""Table → rows, each a mapping of column → value, without empty columns."""

_ARTIFACTS = "SELECT artifact_id FROM Event WHERE execution_id = :id"
_CONTEXTS = "SELECT context_id FROM Association WHERE execution_id = :id"
_TYPES = (
    f"SELECT type_id FROM Execution WHERE id = :id UNION SELECT type_id FROM Artifact WHERE id IN ({_ARTIFACTS}) "
    f"UNION SELECT type_id FROM Context WHERE id IN ({_CONTEXTS})"
)
_CONDITIONS = {
    "Type": f"id IN ({_TYPES})",
    "TypeProperty": f"type_id IN ({_TYPES})",
    "ParentType": f"type_id IN ({_TYPES})",
    "Context": f"id IN ({_CONTEXTS})",
    "ContextProperty": f"context_id IN ({_CONTEXTS})",
    "ParentContext": f"context_id IN ({_CONTEXTS})",
    "Artifact": f"id IN ({_ARTIFACTS})",
    "ArtifactProperty": f"artifact_id IN ({_ARTIFACTS})",
    "Attribution": f"artifact_id IN ({_ARTIFACTS}) AND context_id IN ({_CONTEXTS})",
    "Execution": "id = :id",
    "ExecutionProperty": "execution_id = :id",
    "Association": "execution_id = :id",
    "Event": "execution_id = :id",
    "EventPath": "event_id IN (SELECT id FROM Event WHERE execution_id = :id)",
}
"""Table of ML Metadata → which of its rows belong to an execution."""


class RecordError(ValueError):
    """The record of an execution cannot be used; the message names the file."""


class ExecutionRecorder:
    """Keeps the records of an output folder up to date with its database."""

    def __init__(self, output: Path):
        """Reads the records that exist.

        Args:
            output: the output folder of `vocseg run`; no other process changes its database.
        """
        self._output = output
        self._recorded: dict[int, int | None] = {
            number: last_change(rows) for number, rows in intact_records(output).items()
        }

    def sync(self) -> None:
        """Records the executions that are new or have changed.

        Raises:
            OSError: a record cannot be written.
        """
        changes = self._changes()
        record(self._output, [number for number, time in changes.items() if self._recorded.get(number) != time])
        self._recorded = {**changes}

    def _changes(self) -> dict[int, int]:
        """Execution → the time of its last change."""
        with connection(self._output / METADATA_FILE) as database:
            if not has_tables(database):
                return {}
            return dict(database.execute("SELECT id, last_update_time_since_epoch FROM Execution"))


def record(output: Path, executions: Iterable[int]) -> None:
    """Writes the records of executions, completely or not at all; a record that exists is replaced.

    Raises:
        OSError: a record cannot be written.
    """
    folder = output / ARTIFACTS_FOLDER / EXECUTIONS_FOLDER
    with connection(output / METADATA_FILE) as database:
        for number in executions:
            folder.mkdir(parents=True, exist_ok=True)
            text = _text(schema_version(database), rows_of(database, number))
            write_text_whole(folder / f"{number}.json", text, flushed=False)  # the database has it, too


def record_run(output: Path, run_id: str) -> None:
    """Writes the record of a run's last execution again, after properties of the run itself have changed."""
    with connection(output / METADATA_FILE) as database:
        query = "SELECT max(execution_id) FROM Association JOIN Context ON Context.id = context_id WHERE name = ?"
        (last,) = database.execute(query, (run_id,)).fetchone()
    if last is not None:
        record(output, [last])


def record_files(output: Path) -> dict[int, Path]:
    """Finds the records of an output folder: execution → file, oldest execution first."""
    files = (output / ARTIFACTS_FOLDER / EXECUTIONS_FOLDER).glob("*.json")
    numbered = {int(file.stem): file for file in files if file.stem.isascii() and file.stem.isdecimal()}
    return dict(sorted(numbered.items()))


def intact_records(output: Path) -> dict[int, Rows]:
    """Reads the records of an output folder that are not damaged: execution → its rows."""
    records = {}
    for number, file in record_files(output).items():
        with contextlib.suppress(RecordError):
            records[number] = read_record(file)[1]
    return records


def read_record(file: Path) -> tuple[int, Rows]:
    """Reads a record.

    Returns:
        The version of ML Metadata's tables, and their rows.

    Raises:
        RecordError: the file is damaged or cannot be read.
    """
    try:
        text = file.read_bytes().decode()
        values = json.loads(text)
        version, tables = values["schema_version"], values["tables"]
        rows = {table: [_decoded(row) for row in tables[table]] for table in _CONDITIONS}
        if text != _text(version, rows):
            raise ValueError("its checksum is wrong")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"{file} is damaged ({error})") from error
    return version, rows


def last_change(rows: Rows) -> int | None:
    """Returns the time of an execution's last change, in milliseconds since the epoch; `None` without the execution."""
    return next((int(row["last_update_time_since_epoch"]) for row in rows["Execution"]), None)


def rows_of(database: sqlite3.Connection, execution: int) -> Rows:
    """Reads the rows that belong to an execution."""
    return {table: _rows(database, table, condition, execution) for table, condition in _CONDITIONS.items()}


def schema_version(database: sqlite3.Connection) -> int:
    """Returns the version of ML Metadata's tables."""
    return int(database.execute("SELECT schema_version FROM MLMDEnv").fetchone()[0])


def _rows(database: sqlite3.Connection, table: str, condition: str, execution: int) -> list[dict[str, Any]]:
    cursor = database.execute(f"SELECT * FROM `{table}` WHERE {condition} ORDER BY rowid", {"id": execution})
    names = [column[0] for column in cursor.description]
    rows = (zip(names, values, strict=True) for values in cursor)
    return [{name: value for name, value in row if value is not None} for row in rows]


def _text(version: int, rows: Rows) -> str:
    """The content of a record: JSON with a checksum of itself."""
    tables = {table: [_encoded(row) for row in found] for table, found in rows.items()}
    content = {"schema_version": version, "tables": tables}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return json.dumps({**content, "sha256": digest}) + "\n"


def _encoded(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON values."""
    return {
        name: {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
        for name, value in row.items()
    }


def _decoded(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: base64.b64decode(value["base64"], validate=True) if isinstance(value, dict) else value
        for name, value in row.items()
    }
