"""The database of ML Metadata: damage is found, and the ids of executions are never used twice."""

from __future__ import annotations

import functools
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.metadata.database import (
    DatabaseError,
    check_database,
    connection,
    database_damage,
    reserve_execution_ids,
)
from tests.pipeline.made_run import MadeRun

if TYPE_CHECKING:
    from pathlib import Path


def _next_id(run: MadeRun) -> int:
    kind = run.store.put_execution_type(mlmd.ExecutionType(name="any"))
    return int(run.store.put_executions([mlmd.Execution(type_id=kind)])[0])


@pytest.mark.parametrize("earlier", [0, 3])
def test_ids_start_above_the_artifacts_on_disk(earlier: int, tmp_path: Path) -> None:
    run = MadeRun(tmp_path)
    for _ in range(earlier):
        _next_id(run)
    for folder in ("VocExampleGen/examples/7", "Pusher/pushed_model/12", "Pusher/.system/executor_execution"):
        (tmp_path / "tfx" / folder).mkdir(parents=True)
    for _ in range(2):
        reserve_execution_ids(tmp_path / "metadata.sqlite", tmp_path / "tfx")
    assert _next_id(run) == 13
    reserve_execution_ids(tmp_path / "metadata.sqlite", tmp_path / "tfx")
    assert _next_id(run) == 14


_CONNECT = sqlite3.connect


def _answer_once(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Makes the next check of a database answer something else, as after an error of the disk that passes."""
    answers = [answer]

    class Connection(sqlite3.Connection):
        def execute(self, query: str, *values: Any) -> sqlite3.Cursor:
            if "quick_check" in query and answers:
                return super().execute("SELECT ?", (answers.pop(),))
            return super().execute(query, *values)

    monkeypatch.setattr(sqlite3, "connect", functools.partial(_CONNECT, factory=Connection))


def test_an_error_of_the_disk_is_not_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`vocseg repair` would rename a damaged database, and its lineage would be lost."""
    file = tmp_path / "metadata.sqlite"
    MadeRun(tmp_path)
    _answer_once(monkeypatch, "*** in database main ***\nPage 2: unable to get the page. error code=8458")
    with pytest.raises(DatabaseError, match=r"metadata.sqlite cannot be used \(.* Page 2: .*\); check the disk"):
        database_damage(file)
    assert database_damage(file) is None
    _answer_once(monkeypatch, "database disk image is malformed")
    assert database_damage(file) is None


def test_damage_is_found_and_its_cure_named(tmp_path: Path) -> None:
    file = tmp_path / "metadata.sqlite"
    assert database_damage(file) is None
    run = MadeRun(tmp_path)
    _next_id(run)
    check_database(file)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatabaseError, match=r"is damaged \(.*\); run `vocseg repair .*`, and then the same command"):
        check_database(file)
    file.write_bytes(b"not a database at all" * 1000)
    assert database_damage(file) == "file is not a database"


def test_an_error_while_the_database_is_used_names_the_file(tmp_path: Path) -> None:
    with (
        pytest.raises(
            DatabaseError, match=r"metadata\.sqlite cannot be used \(no such table: absent\); check the disk"
        ),
        connection(tmp_path / "metadata.sqlite") as database,
    ):
        database.execute("SELECT * FROM absent")
