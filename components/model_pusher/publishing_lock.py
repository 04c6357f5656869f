"""The lock of a publishing folder: one process at a time publishes to it or rolls it back.

On a local disk it is the lock of `components.locks`. At `s3://` it is an object that is written on the condition that
it does not exist yet, which Amazon S3 and MinIO support. TensorFlow's file system for `gs://` has no such write: there
nothing is locked, and only one pipeline at a time may publish to a folder.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import socket
import time
from typing import TYPE_CHECKING, Any

from components.locks import LockedError, describe_holder, holder_text, locked
from components.run_files import LOCK_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etils import epath

_S3 = "s3://"
_POLL_SECONDS, _PATIENCE_SECONDS = 0.2, 15 * 60
_STALE = datetime.timedelta(hours=1)
"""Publishing takes minutes: an older lock belongs to a process that was killed."""


def has_locks(folder: epath.PathLike) -> bool:
    """Returns whether publishing to this folder is locked."""
    return "://" not in os.fspath(folder) or os.fspath(folder).startswith(_S3)


@contextlib.contextmanager
def publishing_lock(folder: epath.PathLike) -> Iterator[None]:
    """Locks a publishing folder inside the `with` block; waits while another process holds the lock.

    Raises:
        LockedError: another process holds the lock in an object store for a quarter of an hour.
    """
    if "://" not in os.fspath(folder):
        with locked(folder, "publishing", wait=True):
            yield
    elif has_locks(folder):
        with _object_lock(f"{os.fspath(folder)}/{LOCK_FILE}"):
            yield
    else:
        yield


@contextlib.contextmanager
def _object_lock(uri: str) -> Iterator[None]:
    from fsspec.core import url_to_fs  # here, because it imports numpy and a local folder does not need it

    storage, path = url_to_fs(uri)
    mine = holder_text("publishing").encode()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            storage.pipe_file(path, mine, mode="create")
            break
        except FileExistsError:
            content = _read(storage, path)
        if content is not None and _is_stale(content):
            logging.warning("%s: the lock of %s is stale and is removed", uri, describe_holder(content))
            if _read(storage, path) == content:
                storage.rm_file(path)
        elif time.monotonic() > deadline:
            raise LockedError(
                f"{uri} is held by {describe_holder(content or b'')}; if that process has ended, delete this object "
                "and run the same command again"
            )
        else:
            time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        if _read(storage, path) == mine:
            storage.rm_file(path)


def _read(storage: Any, path: str) -> bytes | None:
    storage.invalidate_cache()
    try:
        content: bytes = storage.cat_file(path)
    except FileNotFoundError:
        return None
    return content


def _is_stale(content: bytes) -> bool:
    """Returns whether the holder of a lock has ended: its process is gone from this machine, or it is too old."""
    try:
        holder = json.loads(content)
        age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(holder["started"])
        if age > _STALE:
            return True
        if holder["host"] != socket.gethostname():
            return False
        os.kill(holder["process"], 0)
    except ProcessLookupError:
        return True
    except (ValueError, KeyError, TypeError, PermissionError):
        return False
    return False
