"""Damages a file in the ways that a disk or a person can: it is cut, a bit flips, it is deleted, or one is added."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from pathlib import Path

ADDED = "added"


def _cut(file: Path, chance: random.Random) -> None:
    file.write_bytes(file.read_bytes()[: chance.randrange(max(file.stat().st_size, 1))])


def _flip(file: Path, chance: random.Random) -> None:
    content = bytearray(file.read_bytes())
    if content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def _delete(file: Path, _: random.Random) -> None:
    file.unlink()


def _add(file: Path, _: random.Random) -> None:
    file.with_name(ADDED).write_bytes(b"")


DAMAGES = {"cut": _cut, "flip": _flip, "delete": _delete, "add": _add}
"""Kind of damage → what it does to a file."""
