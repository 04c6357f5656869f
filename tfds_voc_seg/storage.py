"""Reads, copies and writes files and folders on a local disk or in an object store (`gs://`, `s3://`), with epath."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from etils import epath
from etils.epath import gpath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

OBJECT_STORES = ("gs://", "s3://")
"""Prefixes of the URIs that TensorFlow or fsspec can open in every container."""


_CANNOT_FLUSH = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
"""Some network file systems answer so to a flush of a folder."""
_PATTERN_CHARACTERS = "*?["


class StorageError(ValueError):
    """A place that cannot be used; the message names it and says what can be used instead."""


def local_path(place: str | Path) -> Path:
    """Returns a local path, in which a `~` at the beginning stands for the home folder."""
    try:
        return Path(place).expanduser()
    except RuntimeError:  # the name after ~ is not the name of a user
        return Path(place)


def require_no_pattern(place: str | Path) -> None:
    """Checks that a path can be given to TensorFlow, TFX and Beam, which take some paths for patterns of names.

    Raises:
        StorageError: it contains a character of such patterns.
    """
    found = next((character for character in str(place) if character in _PATTERN_CHARACTERS), None)
    if found:
        raise StorageError(
            f"{place} contains {found!r}: TensorFlow, TFX and Beam take such a path for a pattern; use a folder whose "
            "whole path is without * ? and ["
        )


def storage_path(place: str | Path) -> Path:
    """Returns a local path, or a path in an object store if `place` is a URI such as `gs://bucket/VOC2012`.

    Raises:
        StorageError: the URI's storage is not supported.
    """
    if "://" not in str(place):
        return local_path(place)
    try:
        path: Path = epath.Path(place)
    except KeyError as error:
        raise StorageError(
            f"{place}: this kind of storage is not supported; use a local folder, or a gs:// or s3:// URI"
        ) from error
    return path


def absolute_place(place: str) -> str:
    """Makes a local path absolute, with `~` for the home folder; returns a URI unchanged."""
    return place if "://" in place else str(local_path(place).resolve())


def is_link_out_of(file: Path, folder: Path) -> bool:
    """Returns whether a local file is a symbolic link to a file that lies neither in `folder` nor in the link's folder.

    Data may come from anywhere: such a link could bring a private picture into records, models and reports. Links to
    folders are followed, because a user who stores photos on another disk makes them.
    """
    try:
        if not file.is_symlink():
            return False
        target = file.resolve()
    except OSError:  # a name that is too long: there is no such file
        return False
    return not any(target.is_relative_to(place.resolve()) for place in (folder, file.parent))


def use_fsspec_for_s3(text: str) -> None:
    """Makes epath open `s3://` URIs with fsspec if the text contains one, because TensorFlow cannot open them.

    Call it before this process or one of its child processes opens the first URI.
    """
    if "s3://" in text:
        os.environ.setdefault("EPATH_USE_TF", "false")
        # etils reads the variable once, when it opens the first file, also a local one.
        getattr(gpath._is_tf_installed, "cache_clear", lambda: None)()  # noqa: SLF001


def files_below(folder: epath.PathLike) -> Iterator[epath.Path]:
    """Yields all files below a folder, sorted by name within each folder."""
    for path in sorted(epath.Path(folder).iterdir()):
        if path.is_dir():
            yield from files_below(path)
        else:
            yield path


def file_sha256(file: epath.PathLike) -> str:
    """Computes the SHA-256 hex digest of a file's content, without reading the whole file into memory.

    Raises:
        OSError: the file cannot be read.
    """
    with epath.Path(file).open("rb") as content:
        digest: str = hashlib.file_digest(content, "sha256").hexdigest()
    return digest


def copy_folder(
    source: epath.PathLike, target: epath.PathLike, *, last: Callable[[epath.Path], bool] = lambda _: False
) -> None:
    """Copies all files of a folder; source and target may be in different storages.

    Args:
        source: the folder to copy.
        target: the folder to copy to; it is created if it does not exist.
        last: true for the files to copy last, so that a reader that finds these files finds all others as well.
    """
    source, target = epath.Path(source), epath.Path(target)
    for file in sorted(files_below(source), key=last):  # a stable sort keeps the order by name
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy_file(file, copy)


def copy_file(source: epath.Path, target: epath.Path) -> None:
    """Copies a file; between two storages by reading and writing its bytes, because epath cannot copy between them.

    At `s3://` the store itself copies it; epath would read and write it.
    """
    scheme, target_scheme = (str(path).rpartition("://")[0] for path in (source, target))  # empty: of this machine
    if scheme == target_scheme == "s3":
        from fsspec.core import url_to_fs  # here, because it imports numpy and a local file does not need it

        url_to_fs(str(source))[0].cp_file(str(source), str(target))
    elif scheme == target_scheme:
        source.copy(target)
    else:
        target.write_bytes(source.read_bytes())


def short_name(name: str, longest: int = 180) -> str:
    """Returns a name of at most `longest` bytes, to which a suffix can be added: a file's name has at most 255.

    The end of a longer name becomes a part of its digest, so that different names stay different.
    """
    if len(name.encode(errors="surrogateescape")) <= longest:
        return name
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:16]
    return f"{name.encode(errors='surrogateescape')[: longest - 20].decode(errors='ignore')}_{digest}"


@contextlib.contextmanager
def written_whole(target: epath.PathLike, *, flushed: bool = True, contested: bool = False) -> Iterator[epath.Path]:
    """Yields a temporary path to write a file or folder to, and renames it to `target` after the `with` block.

    A reader sees either the whole content or none of it. After an error the temporary file or folder is removed.

    Args:
        target: the file, which is replaced if it exists, or the folder, which must not exist. Its parent folder must
            exist.
        flushed: wait until the disk holds the content, so that it survives a crash of the machine after the rename.
        contested: other processes may write the same target at the same time: each gets a temporary path of its own,
            and the last one to finish wins. What a killed process leaves is removed by `remove_unfinished`.

    Raises:
        OSError: the content cannot be written or renamed.
    """
    target = epath.Path(target)
    unfinished = unfinished_path(target, f".{uuid.uuid4().hex}" if contested else "")
    _remove(unfinished)  # left over from a process that was killed
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


def unfinished_path(target: epath.PathLike, writer: str = "") -> epath.Path:
    """Returns the temporary path that `written_whole` writes to; a process that was killed leaves it behind.

    Args:
        target: the file or folder.
        writer: what distinguishes the process that writes it from others that write the same target.
    """
    target = epath.Path(target)
    return target.parent / f".{short_name(target.name)}{writer}.incomplete"


def remove_unfinished(targets: Iterable[epath.PathLike]) -> None:
    """Removes the temporary files that killed processes left for contested targets, see `written_whole`."""
    beginnings: dict[epath.Path, list[str]] = {}
    for target in map(epath.Path, targets):
        beginnings.setdefault(target.parent, []).append(f".{short_name(target.name)}.")
    for folder, names in beginnings.items():
        for file in folder.iterdir():
            if file.name.endswith(".incomplete") and file.name.startswith(tuple(names)):
                _remove(file)


def _remove(path: epath.Path) -> None:
    if path.is_dir():
        path.rmtree(missing_ok=True)
    else:
        path.unlink(missing_ok=True)


def write_text_whole(file: epath.PathLike, text: str, *, flushed: bool = True, contested: bool = False) -> None:
    """Writes a text file as `written_whole` does."""
    with written_whole(file, flushed=flushed, contested=contested) as unfinished:
        unfinished.write_text(text)


def flush(path: epath.PathLike) -> None:
    """Waits until the disk holds a file, or a folder with its whole content. Does nothing for an object store."""
    if "://" in os.fspath(path):
        return
    for entry in (Path(path), *Path(path).rglob("*")):
        flush_entry(entry)


def flush_entry(path: epath.PathLike) -> None:
    """Waits until the disk holds one file, or the list of names in one folder. Does nothing for an object store.

    Raises:
        OSError: the disk does not hold it, for example after an error of the disk.
    """
    if "://" in os.fspath(path):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise
    finally:
        os.close(descriptor)
