"""The database of ML Metadata in an output folder: is it intact, and which execution is the next?"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class DatabaseError(RuntimeError):
    """The database cannot be used; the message names the file and says what to do."""


def database_damage(file: Path) -> str | None:
    """Returns what is wrong with a database; `None` if it is intact or does not exist."""
    if not file.exists():
        return None
    try:
        with _connection(file) as database:
            (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if answer == "ok" else str(answer)


def check_database(file: Path) -> None:
    """Checks the database before a run.

    Raises:
        DatabaseError: it is damaged.
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
