"""The database of ML Metadata in an output folder: is it intact, and which execution is the next?"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from typing import TYPE_CHECKING

from components.run_files import EXECUTIONS_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_PRIMARY_CODE = 0xFF
"""The bits of SQLite's extended error codes that tell the kind of error."""
_DAMAGE_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class DatabaseError(RuntimeError):
    """The database cannot be used; the message names the file and says what to do."""


def database_damage(file: Path) -> str | None:
    """Returns what is wrong with a database; `None` if it is intact or does not exist.

    Raises:
        DatabaseError: it cannot be read, for example after an error of the disk: then it need not be damaged.
    """
    if not file.exists() or _find_damage(file) is None:
        return None
    return _find_damage(file)  # SQLite sometimes takes an error of the disk that passes for damage


def _find_damage(file: Path) -> str | None:
    try:
        with contextlib.closing(sqlite3.connect(file)) as database:
            (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & _PRIMARY_CODE in _DAMAGE_CODES:
            return str(error)
        raise unreadable(file, error) from error
    if any(int(code) & _PRIMARY_CODE == sqlite3.SQLITE_IOERR for code in re.findall(r"error code[ =](\d+)", answer)):
        raise unreadable(file, answer)
    return None if answer == "ok" else " ".join(answer.split())


def unreadable(file: Path, reason: object) -> DatabaseError:
    """Returns the error for a database that cannot be read or written, but need not be damaged."""
    text = " ".join(str(reason).partition(" query:")[0].split())
    return DatabaseError(
        f"{file} cannot be used ({text}); check the disk and the permissions, then run the same command again"
    )


def check_database(file: Path) -> None:
    """Checks the database before a run.

    Raises:
        DatabaseError: it is damaged or cannot be read.
    """
    damage = database_damage(file)
    if damage is not None:
        raise DatabaseError(
            f"{file} is damaged ({damage}); run `vocseg repair {file.parent}`, and then the same command again"
        )


def reserve_execution_ids(file: Path, artifacts: Path) -> None:
    """Makes the next execution's id higher than that of every artifact on disk.

    The id of an execution names the folders of its outputs and its record. After the database was removed, ids would
    start again at 1, and new files would be mixed with old ones.

    Args:
        file: the database, with ML Metadata's tables.
        artifacts: TFX's folder of artifacts, `<node>/<output key>/<execution>/`.
    """
    names = [path.name for path in artifacts.glob("*/*/*")]
    names += [path.stem for path in artifacts.glob(f"{EXECUTIONS_FOLDER}/*.json")]
    numbers = [int(name) for name in names if name.isascii() and name.isdecimal()]
    with connection(file) as database:
        table = {"name": "Execution", "highest": max(numbers, default=0)}
        database.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT :name, 0 "
            "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)",
            table,
        )
        database.execute("UPDATE sqlite_sequence SET seq = max(seq, :highest) WHERE name = :name", table)
        database.commit()


def has_tables(database: sqlite3.Connection) -> bool:
    """Returns whether a database has the tables of ML Metadata; an empty file has none."""
    return database.execute("SELECT 1 FROM sqlite_master WHERE name = 'Execution'").fetchone() is not None


def execution_ids(file: Path) -> set[int] | None:
    """Returns the ids of the executions in a database; `None` if it does not exist or is empty."""
    if not file.exists():
        return None
    with connection(file) as database:
        return {number for (number,) in database.execute("SELECT id FROM Execution")} if has_tables(database) else None


@contextlib.contextmanager
def connection(file: Path) -> Iterator[sqlite3.Connection]:
    """Opens a database inside the `with` block.

    Raises:
        DatabaseError: it cannot be read or written.
    """
    try:
        with contextlib.closing(sqlite3.connect(file)) as database:
            yield database
    except sqlite3.DatabaseError as error:
        raise unreadable(file, error) from error
