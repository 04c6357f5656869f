"""Words the errors of full disks, which reach us from the system, TensorFlow, Beam and SQLite in different forms."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

_FULL_DISK_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
_NOT_WRITABLE_NUMBERS = (errno.EROFS, errno.EACCES, errno.EPERM)
_FULL_DISK_TEXT = re.compile("No space left on device|Disk quota exceeded|database or disk is full")
_NAMED_FILE = re.compile(r"No space left on device: '([^']+)'|(/\S+); No space left on device")
_CURE = "free some space, or choose a folder on another disk"


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
    problem = "used" if error.errno == errno.EIO else "written to"
    return f"{error.filename or place} cannot be {problem}: {write_reason(error)}"


def full_disk_problem(error: BaseException, place: str | os.PathLike[str] = "the output folder") -> str | None:
    """Returns one sentence if the cause of an error is a full disk: the file and what to do; `None` otherwise.

    Args:
        error: an error of any library; the errors that caused it are checked, too.
        place: what could not be written to, if the error does not name its file.
    """
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for link in chain:
        if isinstance(link, OSError) and link.errno in _FULL_DISK_NUMBERS:
            return f"{link.filename or place} cannot be written to: {write_reason(link)}"
        if _FULL_DISK_TEXT.search(str(link)):
            named = _NAMED_FILE.search(str(link))
            file = (named[1] or named[2]) if named else place
            return f"{file} cannot be written to: No space left on device; {_CURE}"
    return None
