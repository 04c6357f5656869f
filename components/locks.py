"""A lock on a folder: one process at a time changes it. Needs no TFX.

On a local disk the operating system releases the lock when its process ends, however it ends, so that a lock is never
stale. The lock file stays and names its last holder; only the operating system decides whether the lock is held.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import json
import logging
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from components.run_files import LOCK_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_held: set[Path] = set()
"""The folders that this process has locked."""


class LockedError(RuntimeError):
    """Another process uses the folder; the message names it and says what to do."""


@contextlib.contextmanager
def locked(
    folder: str | os.PathLike[str], purpose: str, *, wait: bool, on_wait: Callable[[str], None] = logging.info
) -> Iterator[None]:
    """Locks a local folder inside the `with` block. A process may lock the same folder again inside the block.

    On a file system without locks, a warning is logged and nothing is locked.

    Args:
        folder: the folder; created if it does not exist.
        purpose: what the holder does, for the message to others, such as `vocseg run`.
        wait: wait until the other process has finished.
        on_wait: receives a sentence before a wait.

    Raises:
        LockedError: another process has locked the folder, and `wait` is false.
        OSError: the folder or its lock file cannot be created.
    """
    place = Path(folder).resolve()
    if place in _held:
        yield
        return
    place.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(place / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o664)
    try:
        if _acquire(descriptor, place, wait=wait, on_wait=on_wait):
            with contextlib.suppress(OSError):  # on a full disk, a rollback must be possible: the lock has no name then
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, holder_text(purpose).encode(), 0)
        _held.add(place)
        try:
            yield
        finally:
            _held.discard(place)
    finally:
        os.close(descriptor)  # which releases the lock


def _acquire(descriptor: int, place: Path, *, wait: bool, on_wait: Callable[[str], None]) -> bool:
    """Takes the lock; returns whether the file system has locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = describe_holder(os.pread(descriptor, 4096, 0))
        if not wait:
            raise LockedError(
                f"{place} is in use by {holder}; run the command again after it has ended, or with --wait, "
                "or name another output folder"
            ) from error
        on_wait(f"waiting for {holder}, which uses {place}")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        logging.warning("%s: this file system has no locks; run only one command at a time on this folder", place)
        return False
    return True


def holder_text(purpose: str) -> str:
    """Returns the content of a lock file: JSON that names this process."""
    started = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    return json.dumps({"purpose": purpose, "host": socket.gethostname(), "process": os.getpid(), "started": started})


def describe_holder(content: bytes) -> str:
    """Describes the process that a lock file names."""
    try:
        holder = json.loads(content)
        return f"`{holder['purpose']}`, process {holder['process']} on {holder['host']}, started at {holder['started']}"
    except (ValueError, KeyError, TypeError):
        return "another process"  # which has not written its name yet
