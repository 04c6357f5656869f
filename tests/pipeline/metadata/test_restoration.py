"""A database of ML Metadata that is lost or damaged is built again from the records of the executions, row by row."""

from __future__ import annotations

import shutil
import sqlite3
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ml_metadata import errors

from components.manifest import write_manifest
from pipeline.cli import main
from pipeline.metadata.database import connection
from pipeline.metadata.execution_records import (
    ExecutionRecorder,
    RecordError,
    intact_records,
    read_record,
    record_files,
    record_run,
)
from pipeline.metadata.lineage import read_lineage
from pipeline.metadata.repair import repair
from pipeline.metadata.restoration import restore_executions
from pipeline.metadata.runs import latest_complete_run, open_store, record_facts
from tests.faults.disk_kills import KilledError, killed_at
from tests.pipeline.made_run import MadeRun, write_whole_run

if TYPE_CHECKING:
    from pathlib import Path

RUN_ID = "2026-03-01T10:00:00"


@pytest.fixture
def made(tmp_path: Path) -> MadeRun:
    """A recorded run, with the facts that are stored after its last execution."""
    run = write_whole_run(tmp_path / "run")
    ExecutionRecorder(run.output).sync()
    record_facts(run.store, RUN_ID, {"name": "later"})
    record_run(run.output, RUN_ID)
    return run


def _rows(output: Path) -> dict[str, list[Any]]:
    """The content of a database."""
    with connection(output / "metadata.sqlite") as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: sorted(database.execute(f"SELECT * FROM `{table}`"), key=repr) for table in tables}


def _database(output: Path) -> Path:
    return output / "metadata.sqlite"


def test_a_missing_database_is_restored_row_by_row(made: MadeRun) -> None:
    before, lineage = _rows(made.output), read_lineage(made.output)
    _database(made.output).unlink()
    assert restore_executions(made.output).problems == ()
    assert _rows(made.output) == before
    assert read_lineage(made.output) == lineage
    assert latest_complete_run(open_store(made.output)).facts["config"] == {"name": "later"}
    assert restore_executions(made.output).executions == 0


def test_a_command_that_reads_a_lost_database_names_the_repair(
    made: MadeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    _database(made.output).write_bytes(b"damaged" * 1000)
    assert main(["lineage", str(made.output)]) == 2
    assert f"run `vocseg repair {made.output}`, and then the same command again" in capsys.readouterr().err
    _database(made.output).unlink()
    assert main(["lineage", str(made.output)]) == 2
    assert f"is missing; run `vocseg repair {made.output}`, which builds it again" in capsys.readouterr().err


def test_repair_replaces_a_damaged_database(made: MadeRun, capsys: pytest.CaptureFixture[str]) -> None:
    lineage = read_lineage(made.output)
    _database(made.output).write_bytes(b"damaged" * 1000)
    journal = _database(made.output).with_name("metadata.sqlite-journal")
    journal.write_bytes(b"of the damaged database")
    assert main(["repair", str(made.output)]) == 0
    printed = capsys.readouterr().out
    assert "the database is damaged (file is not a database); it is now " in printed
    assert "executions were missing in the database; they were restored from their records" in printed
    assert "lost" not in printed
    assert read_lineage(made.output) == lineage
    assert not journal.exists()
    (kept,) = made.output.glob("metadata.sqlite.damaged-*")
    assert kept.read_bytes() == b"damaged" * 1000


def test_a_repair_on_a_full_disk_says_what_to_do(
    made: MadeRun, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_on_full_disk(_: Any) -> NoReturn:
        raise errors.InternalError("Error when executing query: database or disk is full query: COMMIT;")

    before = _rows(made.output)
    _database(made.output).write_bytes(b"damaged" * 1000)
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.metadata.restoration.MetadataStore", fail_on_full_disk)
        assert main(["repair", str(made.output)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("No space left on device; free some space, or choose a folder on another disk")
    assert main(["repair", str(made.output)]) == 0
    assert _rows(made.output) == before


def test_what_cannot_be_restored_is_listed(made: MadeRun, capsys: pytest.CaptureFixture[str]) -> None:
    files = record_files(made.output)
    files[1].unlink()
    files[2].write_text(files[2].read_text().replace("DataValidator", "DataValidat0r"))
    last = made.output / f"tfx/Pusher/pushed_model/{max(files)}"
    files[max(files)].unlink()
    version = made.output / "serving/1772359200"
    (version / "assets.extra").mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(b"model")
    (version / "assets.extra/publication.json").write_text(f'{{"pushed_model": "{last}"}}')
    _database(made.output).unlink()
    assert main(["repair", str(made.output)]) == 0
    lost = [line for line in capsys.readouterr().out.splitlines() if line.startswith("lost: ")]
    assert [line.partition(";")[0].partition(" (")[0] for line in lost] == [
        f"lost: execution 2: {files[2]} is damaged",
        "lost: execution 1 of VocExampleGen has no record",
        "lost: execution 2 of DataValidator has no record",
        f"lost: execution {max(files)} of Pusher has no record",
        "lost: the lineage of version 1772359200",
    ]


def test_the_executions_that_an_older_copy_lacks_are_restored(made: MadeRun, tmp_path: Path) -> None:
    older = write_whole_run(tmp_path / "older")
    shutil.copy(_database(made.output), tmp_path / "copy")
    made.begin("2026-03-02T10:00:00")
    (examples,) = made.store.get_artifacts_by_type("Examples")
    made.node("VocExampleGen", {}, reuse={"examples": examples}, state="cached")
    ExecutionRecorder(made.output).sync()
    newer = _rows(made.output)
    shutil.copy(tmp_path / "copy", _database(made.output))
    assert restore_executions(made.output).executions == 1
    assert _rows(made.output) == newer
    assert restore_executions(older.output).executions == 0


def test_a_changed_value_in_the_database_is_found(made: MadeRun) -> None:
    before = _rows(made.output)
    with connection(_database(made.output)) as database:
        database.execute("UPDATE ExecutionProperty SET string_value = 'unet2' WHERE string_value = 'unet'")
        database.commit()
    done = repair(made.output)
    assert done.database_damage == "execution 4 is not as it was recorded"
    assert _rows(made.output) == before
    assert repair(made.output).database is None


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_a_repair_that_is_killed_can_be_repeated(step: int, made: MadeRun, tmp_path: Path) -> None:
    before = _rows(made.output)
    _database(made.output).write_bytes(b"damaged" * 1000)
    shutil.copytree(made.output, tmp_path / "damaged")
    kills, finished = step, False
    while not finished:
        shutil.rmtree(made.output)
        shutil.copytree(tmp_path / "damaged", made.output)
        with killed_at(kills):
            try:
                repair(made.output)
                finished = True
            except KilledError:
                kills += step
        repair(made.output)
        assert _rows(made.output) == before
    assert kills > 3 * step


@given(data=st.data())
@settings(max_examples=60)
def test_every_changed_byte_of_a_record_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    file = _one_record(tmp_path_factory)
    content = file.read_bytes()
    position, bit = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(0, 7))
    file.write_bytes(content[:position] + bytes([content[position] ^ 1 << bit]) + content[position + 1 :])
    try:
        with pytest.raises(RecordError, match=r"1\.json is damaged"):
            read_record(file)
    finally:
        file.write_bytes(content)


def _one_record(factory: pytest.TempPathFactory) -> Path:
    output = factory.getbasetemp() / "one-record"
    if not output.exists():
        run = MadeRun(output)
        run.begin(RUN_ID)
        run.node("A", {"examples": ("Examples", {"number": 1.5, "name": "ä"})})
        ExecutionRecorder(output).sync()
    return record_files(output)[1]


def test_damaged_and_outdated_records_are_written_again(made: MadeRun) -> None:
    files = record_files(made.output)
    contents = {number: file.read_bytes() for number, file in files.items()}
    files[1].write_bytes(b"")
    files[2].unlink()
    with connection(_database(made.output)) as database:
        database.execute("UPDATE Execution SET last_known_state = 4, last_update_time_since_epoch = 7 WHERE id = 3")
        database.commit()
    ExecutionRecorder(made.output).sync()
    after = {number: file.read_bytes() for number, file in record_files(made.output).items()}
    assert {number for number, content in after.items() if content != contents[number]} == {1, 2, 3}
    assert intact_records(made.output).keys() == contents.keys()
    assert intact_records(made.output)[3]["Execution"][0]["last_known_state"] == 4


def test_bytes_survive(tmp_path: Path) -> None:
    run = MadeRun(tmp_path)
    run.begin(RUN_ID)
    run.node("A", {})
    with connection(_database(tmp_path)) as database:
        database.execute(
            "INSERT INTO ExecutionProperty VALUES (1, 'x', 1, NULL, NULL, NULL, NULL, ?, NULL)", (b"\0\xff",)
        )
        database.commit()
    ExecutionRecorder(tmp_path).sync()
    before = _rows(tmp_path)
    _database(tmp_path).unlink()
    restore_executions(tmp_path)
    assert _rows(tmp_path) == before


def test_artifacts_without_records_are_listed(tmp_path: Path) -> None:
    """As in the output folder of an earlier version of this project."""
    folder = tmp_path / "tfx/Pusher/pushed_model/7"
    folder.mkdir(parents=True)
    write_manifest(folder)
    sqlite3.connect(_database(tmp_path)).close()
    done = repair(tmp_path)
    assert [line.partition(";")[0] for line in done.lost] == ["execution 7 of Pusher has no record"]
    assert done.intact == 1
