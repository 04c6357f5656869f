"""Objects in a store that are written only if they do not exist yet, so that of several writers one succeeds.

Amazon S3, MinIO and others have such writes for `s3://`. TensorFlow's file system for `gs://` has none.
"""

from __future__ import annotations

import os
import time
from typing import Any

from etils import epath

_S3 = "s3://"
_CONFLICT = "ConditionalRequestConflict"
"""The answer of Amazon S3 to one of two conditional writes at the same moment; it asks to try again."""
_ATTEMPTS, _PAUSE_SECONDS = 10, 0.2


def is_remote(place: epath.PathLike) -> bool:
    """Returns whether a place is in an object store."""
    return "://" in os.fspath(place)


def has_conditional_writes(place: epath.PathLike) -> bool:
    """Returns whether a place is in a store with conditional writes."""
    return bool(os.fspath(place).startswith(_S3))


def create_object(uri: str, content: bytes) -> bool:
    """Writes an object if it does not exist; without conditional writes, another writer can do so at the same moment.

    Returns:
        Whether the object has this content now. It also has if the store's answer to an earlier attempt was lost, so
        the content should be unique to the writer.

    Raises:
        OSError: the object cannot be written.
    """
    if not has_conditional_writes(uri):
        if (existing := read_object(uri)) is None:
            epath.Path(uri).parent.mkdir(parents=True, exist_ok=True)
            epath.Path(uri).write_bytes(content)
        return existing is None or existing == content
    storage, path = _storage(uri)
    attempt = 1
    while True:
        try:
            storage.pipe_file(path, content, mode="create")
            return True
        except FileExistsError:
            return read_object(uri) == content
        except OSError as error:
            if _CONFLICT not in str(error) or attempt == _ATTEMPTS:
                raise
        attempt += 1
        time.sleep(_PAUSE_SECONDS)


def read_object(uri: str) -> bytes | None:
    """Reads an object, never from a cache; `None` if it does not exist."""
    try:
        if not has_conditional_writes(uri):
            return bytes(epath.Path(uri).read_bytes())
        storage, path = _storage(uri)
        storage.invalidate_cache()
        return bytes(storage.cat_file(path))
    except FileNotFoundError:
        return None


def remove_object(uri: str) -> None:
    """Removes an object in a store with conditional writes."""
    storage, path = _storage(uri)
    storage.rm_file(path)


def forget_listings(place: epath.PathLike) -> None:
    """Forgets what this process has listed in a store, because other processes may have changed it since."""
    if has_conditional_writes(place):
        _storage(os.fspath(place))[0].invalidate_cache()


def _storage(uri: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs  # here, because it imports numpy and a local folder does not need it

    storage, path = url_to_fs(uri)
    return storage, path
