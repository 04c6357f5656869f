"""Files and folders in any storage that epath opens: a local disk, `gs://`, `s3://`."""

from __future__ import annotations

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


def let_fsspec_open(text: str) -> None:
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


def write_text_whole(file: epath.PathLike, text: str) -> None:
    """Writes a text file under a temporary name and renames it, so that a reader finds all of it or none."""
    temporary = epath.Path(f"{os.fspath(file)}.incomplete")
    temporary.write_text(text)
    temporary.replace(file)
