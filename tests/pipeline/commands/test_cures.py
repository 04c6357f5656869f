"""Errors of libraries come with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.commands.cures import with_cure
from pipeline.commands.terminal import error_message


@pytest.mark.parametrize(
    ("message", "cure"),
    [
        ("[Errno 30] Read-only file system: 'x'", "the folder cannot be written; make it writable"),
        ("InternalError: attempt to write a readonly database", "the folder cannot be written"),
        ("InternalError: database disk image is malformed query: SELECT", "run `vocseg repair OUTPUT`"),
        ("RuntimeError: Cannot connect sqlite3 database: unable to open database file", "free some space and make its"),
        ("InternalError: disk I/O error query: SELECT", "the disk or the network storage reports an error; check it"),
        ("InternalError: cannot commit - no transaction is active query: COMMIT;", "check the disk and its free space"),
        ("DataLossError: corrupted record at 12", "a file of records is damaged; run `vocseg repair OUTPUT`"),
    ],
)
def test_a_known_symptom_comes_with_its_cure(message: str, cure: str) -> None:
    told = with_cure(message)
    assert told.startswith(cure) or cure in told
    assert message.partition(" query:")[0] in told
    assert "query:" not in told
    assert "\n" not in told


@pytest.mark.parametrize(
    "message",
    [
        "Pusher: OSError: [Errno 28] No space left on device: 'x'",
        "InternalError: Error when executing query: database or disk is full query: INSERT",
    ],
)
def test_a_full_disk_is_named_with_its_cure(message: str) -> None:
    told = error_message(RuntimeError(message), (RuntimeError,), Path("/out"))
    assert "cannot be written to: No space left on device; free some space" in told
    assert "query:" not in told


def test_other_messages_stay() -> None:
    assert with_cure("candidates.unet: unknown option") == "candidates.unet: unknown option"
