"""The lock of a publishing folder: one process at a time publishes to it or rolls it back.

On a local disk it is the lock of `components.locks`. At `s3://` it is an object that is written on the condition that
it does not exist yet. TensorFlow's file system for `gs://` has no such write: there nothing is locked, and only one
pipeline at a time may publish to a folder.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import socket
import time
import uuid
from typing import TYPE_CHECKING

from components.locks import LockedError, describe_holder, holder_text, locked
from components.model_pusher.object_store import (
    create_object,
    forget_listings,
    has_conditional_writes,
    is_remote,
    read_object,
    remove_object,
)
from components.run_files import LOCK_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from etils import epath

_POLL_SECONDS, _PATIENCE_SECONDS = 0.2, 15 * 60
_STALE = datetime.timedelta(hours=1)
"""Publishing takes minutes: an older lock belongs to a process that was killed."""
_held: set[str] = set()
"""The tokens of the locks in object stores that this process holds."""


@contextlib.contextmanager
def publishing_lock(
    folder: epath.PathLike, on_wait: Callable[[str], None] = logging.warning
) -> Iterator[Callable[[], None]]:
    """Locks a publishing folder inside the `with` block; waits while another process holds the lock.

    Args:
        folder: the publishing folder.
        on_wait: receives a sentence before a wait, which names the other process.

    Yields:
        A function that raises LockedError if the lock has been lost, because another process took it for stale.

    Raises:
        LockedError: another process holds the lock in an object store for a quarter of an hour.
    """
    if not is_remote(folder):
        with locked(folder, "publishing", wait=True, on_wait=on_wait):
            yield _always_held
    elif has_conditional_writes(folder):
        with _object_lock(f"{os.fspath(folder)}/{LOCK_FILE}", on_wait) as still_held:
            yield still_held
    else:
        logging.warning("%s cannot be locked: let only one pipeline at a time publish to it", folder)
        yield _always_held


def _always_held() -> None:
    """Does nothing: a lock on a disk is never lost."""


@contextlib.contextmanager
def _object_lock(uri: str, on_wait: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    token = uuid.uuid4().hex
    mine = json.dumps({**json.loads(holder_text("publishing")), "token": token}).encode()
    _held.add(token)
    try:
        _acquire(uri, mine, on_wait)

        def still_held() -> None:
            if read_object(uri) != mine:
                raise LockedError(f"{uri} was taken over by another process meanwhile; run the same command again")

        try:
            forget_listings(uri)  # another process has changed the folder, perhaps
            yield still_held
        finally:
            _release(uri, mine)
    finally:
        _held.discard(token)


def _acquire(uri: str, mine: bytes, on_wait: Callable[[str], None]) -> None:
    deadline, waits = time.monotonic() + _PATIENCE_SECONDS, False
    while not create_object(uri, mine):
        content = read_object(uri)
        if content is not None and _is_stale(content):
            logging.warning("%s: the lock of %s is stale and is removed", uri, describe_holder(content))
            if read_object(uri) == content:
                remove_object(uri)
        elif time.monotonic() > deadline:
            raise LockedError(
                f"{uri} is held by {describe_holder(content or b'')}; if that process has ended, delete this object "
                "and run the same command again"
            )
        else:
            if not waits:
                on_wait(f"waiting for {describe_holder(content or b'')}, which holds {uri}")
                waits = True
            time.sleep(_POLL_SECONDS)


def _release(uri: str, mine: bytes) -> None:
    """Removes the lock. An error is only logged: the work is done, and others find that the lock is stale."""
    try:
        if read_object(uri) == mine:
            remove_object(uri)
    except Exception as error:  # botocore has errors of many types
        logging.warning("%s could not be removed: %s", uri, error)


def _is_stale(content: bytes) -> bool:
    """Returns whether the holder of a lock has ended: its process is gone from this machine, or it is too old."""
    try:
        holder = json.loads(content)
        age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(holder["started"])
        if age > _STALE:
            return True
        if holder["host"] != socket.gethostname():
            return False
        if holder["process"] == os.getpid():
            return holder.get("token") not in _held  # this process could not remove it
        os.kill(holder["process"], 0)
    except ProcessLookupError:
        return True
    except (ValueError, KeyError, TypeError, PermissionError):
        return False
    return False
