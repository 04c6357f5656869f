"""Finds the files of a source, and keeps names that a source contains inside its folder."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tfds_voc_seg.importers.source import ImageDropped
from tfds_voc_seg.storage import is_link_out_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def files_of(folder: Path) -> Iterator[Path]:
    """Yields the files below a folder in the order of their paths, without hidden ones.

    Links to folders are followed, each folder once.
    """
    visited = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent) / name for name in sorted(names) if not name.startswith("."))


def is_file(path: Path) -> bool:
    """Returns whether a file exists and can be reached; a name may be longer than the file system allows."""
    try:
        return path.is_file()
    except OSError:
        return False


def check_no_link_out(file: Path, folders: Iterable[Path]) -> None:
    """Checks that a file is no link that leaves all of the folders.

    Raises:
        ImageDropped: it is such a link.
    """
    if all(is_link_out_of(file, folder) for folder in folders):
        raise ImageDropped("link to a file outside of the source", f"{file} → {file.resolve()}")


def relative_name(name: str) -> PurePosixPath | None:
    """Returns a name of a file that a source contains, as a relative path; `None` if it could leave the folder.

    A backslash, as some tools write on Windows, is a separator.
    """
    normal = os.path.normpath(name.replace("\\", "/")) if name and "\0" not in name else ".."
    path = PurePosixPath(normal)
    outside = path.is_absolute() or path.parts[:1] in ((), ("..",)) or ":" in path.parts[0]
    return None if outside else path
