"""Says what to do about errors whose text names only a symptom."""

from __future__ import annotations

import re

_CURES = {  # full disks: tfds_voc_seg.disk_errors
    r"read-only file system|readonly database|permission denied": (
        "the folder cannot be written; make it writable or name another --output, then run the same command again"
    ),
    r"input/output error|disk i/o error": (
        "the disk or the network storage reports an error; check it, then run the same command again"
    ),
    r"cannot commit - no transaction is active": (  # SQLite undid the change itself: a page could not be written
        "the database could not be written, and the change was undone; check the disk and its free space, then run the "
        "same command again"
    ),
    r"unable to open database file": (
        "the database or its journal cannot be opened; free some space and make its folder writable, then run the same "
        "command again"
    ),
    r"disk image is malformed|file is not a database": (
        "the database is damaged; run `vocseg repair OUTPUT`, then the same command again"
    ),
    r"corrupted record at|truncated record at|DataLossError": (
        "a file of records is damaged; run `vocseg repair OUTPUT`, which finds it, then the same command again"
    ),
}


def with_cure(message: str) -> str:
    """Puts what to do before an error message, if the message is a known symptom, and otherwise returns it unchanged.

    The message itself follows on the same line, without the database's query.
    """
    for symptom, cure in _CURES.items():
        if re.search(symptom, message, flags=re.IGNORECASE):
            detail = message.partition(" query:")[0]
            return f"{cure} ({detail})"
    return message
