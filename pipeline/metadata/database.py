"""The database of ML Metadata in an output folder: is it intact, and which execution is the next?"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from typing import TYPE_CHECKING

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
        with _connection(file) as database:
            (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & _PRIMARY_CODE in _DAMAGE_CODES:
            return str(error)
        raise _unreadable(file, error) from error
    if any(int(code) & _PRIMARY_CODE == sqlite3.SQLITE_IOERR for code in re.findall(r"error code[ =](\d+)", answer)):
        raise _unreadable(file, answer)
    return None if answer == "ok" else " ".join(answer.split())


def _unreadable(file: Path, reason: object) -> DatabaseError:
    text = " ".join(str(reason).split())
    return DatabaseError(
        f"{file} cannot be read ({text}); check the disk and the permissions, then run the same command again"
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

    The id of an execution names the folders of its outputs. After the database was removed, ids would start again at 1,
    and new files would be mixed with old ones.

    Args:
        file: the database, with ML Metadata's tables.
        artifacts: TFX's folder of artifacts, `<node>/<output key>/<execution>/`.
    """
    numbers = [int(path.name) for path in artifacts.glob("*/*/*") if path.name.isascii() and path.name.isdecimal()]
    with _connection(file) as database:
        table = {"name": "Execution", "highest": max(numbers, default=0)}
        database.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT :name, 0 "
            "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)",
            table,
        )
        database.execute("UPDATE sqlite_sequence SET seq = max(seq, :highest) WHERE name = :name", table)
        database.commit()


@contextlib.contextmanager
def _connection(file: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(file)) as database:
        yield database
