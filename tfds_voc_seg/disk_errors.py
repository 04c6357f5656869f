"""Words the errors of full disks, which reach us from the system, TensorFlow, Beam and SQLite in different forms."""

from __future__ import annotations

import errno
import re
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

_FULL_DISK_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
_NOT_WRITABLE_NUMBERS = (errno.EROFS, errno.EACCES, errno.EPERM)
_FULL_DISK_TEXT = re.compile("No space left on device|Disk quota exceeded|database or disk is full")
_ROLLED_BACK_TEXT = re.compile("cannot commit - no transaction is active")
"""SQLite ends a transaction itself if it cannot write a page; a later statement then fails with this text."""
_SQLITE_TEXT = re.compile(f"database or disk is full|{_ROLLED_BACK_TEXT.pattern}")
_NEARLY_FULL = 1 << 20  # bytes; what was rolled back is free again
_NAMED_FILE = re.compile(r"No space left on device: '([^']+)'|(/\S+); No space left on device")
_CURE = "free some space, or choose a folder on another disk"
_FULL_DISK_REASON = f"No space left on device; {_CURE}"


def write_reason(error: Exception) -> str:
    """Returns why a file cannot be written and what to do, if it is known; PyAV's errors have a number, too."""
    reason, number = getattr(error, "strerror", None) or str(error), getattr(error, "errno", None)
    if number in (errno.EEXIST, errno.ENOTDIR):
        return f"{reason}; it is a file: name a folder"
    if number in _NOT_WRITABLE_NUMBERS:
        return f"{reason}; make the folder writable, or choose another one"
    if number == errno.EIO:
        return f"{reason}; check the disk, then run the same command again"
    return f"{reason}; {_CURE}" if number in _FULL_DISK_NUMBERS else reason


def write_problem(error: OSError, place: str | os.PathLike[str]) -> str:
    """Returns one sentence about a file that cannot be written: the file, else `place`, and the reason."""
    problem = "used" if error.errno in (errno.EIO, errno.ENAMETOOLONG) else "written to"
    return f"{error.filename or place} cannot be {problem}: {write_reason(error)}"


def full_disk_problem(
    error: BaseException,
    place: str | os.PathLike[str] = "the output folder",
    database: str | os.PathLike[str] | None = None,
) -> str | None:
    """Returns one sentence if the cause of an error is a full disk: the file and what to do; `None` otherwise.

    Args:
        error: an error of any library; the errors that caused it are checked, too.
        place: what could not be written to, if the error does not name its file.
        database: the database of `place`, for SQLite's errors, which never name their file.
    """
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    files = [file for link in chain if (file := _file_of_full_disk(link, place, database)) is not None]
    if not files:
        return None
    # The error that was raised first often names no file; the one that caused it does.
    return f"{next(filter(None, files), place)} cannot be written to: {_FULL_DISK_REASON}"


def _file_of_full_disk(
    error: BaseException, place: str | os.PathLike[str], database: str | os.PathLike[str] | None
) -> str | None:
    """Returns the file of an error about a full disk, empty if it names none; `None` if it is about something else."""
    text = str(error)
    if isinstance(error, OSError) and error.errno in _FULL_DISK_NUMBERS:
        return str(error.filename or "")
    if not (_FULL_DISK_TEXT.search(text) or (_ROLLED_BACK_TEXT.search(text) and _is_nearly_full(place))):
        return None
    named = _NAMED_FILE.search(text)
    if named:
        return named[1] or named[2]
    return str(database or "") if _SQLITE_TEXT.search(text) else ""


def _is_nearly_full(place: str | os.PathLike[str]) -> bool:
    try:
        return shutil.disk_usage(place).free < _NEARLY_FULL
    except OSError:
        return False
