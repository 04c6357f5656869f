"""Files and folders in any storage that epath opens: a local disk, `gs://`, `s3://`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from etils import epath

OBJECT_STORES = ("gs://", "s3://")
"""How the URIs begin of what TensorFlow or fsspec opens in every container."""


class StorageError(ValueError):
    """A storage that cannot be opened; the message says which and what to name instead."""


def storage_path(place: str | Path) -> Path:
    """A path on this machine, or of an object store where `place` is a URI such as `gs://bucket/VOC2012`.

    Raises:
        StorageError: a URI of a storage that cannot be opened.
    """
    if "://" not in str(place):
        return Path(place)
    try:
        return epath.Path(place)
    except KeyError as error:
        raise StorageError(
            f"{place}: storage of this kind can't be opened; name a folder, or gs:// or s3://"
        ) from error


def absolute_place(place: str) -> str:
    """Makes a path on this machine absolute; a URI already is."""
    return place if "://" in place else str(Path(place).resolve())


def use_fsspec_for_s3(text: str) -> None:
    """Has fsspec open `s3://`, which TensorFlow can't, where a text names such a place.

    It has to be said before anything in the process, or in those that it starts, opens a URI.
    """
    if "s3://" in text:
        os.environ.setdefault("EPATH_USE_TF", "false")


def files_below(folder: epath.PathLike) -> Iterator[epath.Path]:
    """Lists the files of a folder and of the folders in it, by name."""
    for path in sorted(epath.Path(folder).iterdir()):
        if path.is_dir():
            yield from files_below(path)
        else:
            yield path


def copy_folder(
    source: epath.PathLike, target: epath.PathLike, *, last: Callable[[epath.Path], bool] = lambda file: False
) -> None:
    """Copies a folder's files, from one storage to another if need be.

    Args:
        source: the folder.
        target: gets them; made where it is missing.
        last: the files that are to come last, so that whoever looks for them finds the rest.
    """
    source, target = epath.Path(source), epath.Path(target)
    for file in sorted(files_below(source), key=last):  # stable
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy_file(file, copy)


def copy_file(source: epath.Path, target: epath.Path) -> None:
    """Copies a file; over its bytes where the two lie in different storages, which epath can't copy between."""
    if source.as_uri().partition("://")[0] == target.as_uri().partition("://")[0]:
        source.copy(target)
    else:
        target.write_bytes(source.read_bytes())


@contextlib.contextmanager
def written_whole(target: epath.PathLike, *, flushed: bool = True) -> Iterator[epath.Path]:
    """Yields a temporary path for a file or folder; at the end of the `with` block it gets its own name.

    A reader finds all of the content or none. After an error nothing is left behind.

    Args:
        target: the file, replaced if it exists, or the folder, which must not exist. Its parent folder exists.
        flushed: wait until the disk holds the content, so that a crash of the machine after the rename loses nothing.

    Raises:
        OSError: the content cannot be written or renamed.
    """
    target = epath.Path(target)
    unfinished = target.parent / f".{target.name}.incomplete"
    _remove(unfinished)  # of a process that was killed
    try:
        yield unfinished
        if flushed:
            flush(unfinished)
        unfinished.replace(target)
    except BaseException:
        _remove(unfinished)
        raise
    if flushed:
        flush_entry(target.parent)


def _remove(path: epath.Path) -> None:
    if path.is_dir():
        path.rmtree(missing_ok=True)
    else:
        path.unlink(missing_ok=True)


def write_text_whole(file: epath.PathLike, text: str, *, flushed: bool = True) -> None:
    """Writes a text file as `written_whole` does."""
    with written_whole(file, flushed=flushed) as unfinished:
        unfinished.write_text(text)


def flush(path: epath.PathLike) -> None:
    """Waits until the disk holds a file, or a folder with all that it contains; an object store always does."""
    if "://" in os.fspath(path):
        return
    for entry in (Path(path), *Path(path).rglob("*")):
        flush_entry(entry)


def flush_entry(path: epath.PathLike) -> None:
    """Waits until the disk holds one file, or the names in one folder."""
    if "://" in os.fspath(path):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems cannot flush a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
