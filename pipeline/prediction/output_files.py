"""Writes result files: several at once, completely or not at all, and replacing existing files only on request.

`tfds_voc_seg.storage.written_whole` is not used here: it handles a single file, and it always replaces an existing one.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from tfds_voc_seg.storage import short_name

Writer = Callable[[BinaryIO], None]
"""Writes a file's content."""


class OutputExistsError(FileExistsError):
    """A file exists and was not replaced."""

    def __init__(self, path: Path):
        super().__init__(f"{path} exists; --force replaces it")


class OverwrittenInputError(ValueError):
    """A result would replace the file that it is made from."""

    def __init__(self) -> None:
        super().__init__("its result would replace it; choose another --output")


def refuse_input(source: Path, results: list[Path]) -> None:
    """Checks that no result has the path of the input that it is made from.

    Raises:
        OverwrittenInputError: a result has.
    """
    if source.resolve() in [path.resolve() for path in results]:
        raise OverwrittenInputError


def refuse_existing(paths: list[Path]) -> None:
    """Checks that none of the files exists.

    Raises:
        OutputExistsError: a file exists.
    """
    for path in paths:
        if path.exists() or path.is_symlink():
            raise OutputExistsError(path)


def write_files(files: Mapping[Path, Writer], *, replace: bool) -> None:
    """Writes a group of files under temporary names, then renames them, so that each file is complete or absent.

    Args:
        files: path → writer of its content. Missing folders are created.
        replace: replace existing files.

    Raises:
        OutputExistsError: a file exists and `replace` is false; no file is written.
        OSError: a file cannot be written; no new file is left behind.
    """
    temporary: dict[Path, Path] = {}
    try:
        for path, write in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=f".{short_name(path.name)}.", dir=path.parent)
            temporary[path] = Path(name)
            with os.fdopen(descriptor, "wb") as file:
                write(file)
        mask = os.umask(0)
        os.umask(mask)
        for unfinished in temporary.values():
            unfinished.chmod(0o666 & ~mask)  # mkstemp gives access to the owner only
        _rename_all(temporary, replace)
    finally:
        for unfinished in temporary.values():
            unfinished.unlink(missing_ok=True)


def _rename_all(temporary: Mapping[Path, Path], replace: bool) -> None:
    if replace:
        for path, unfinished in temporary.items():
            unfinished.replace(path)
        return
    renamed: list[Path] = []
    try:
        for path, unfinished in temporary.items():
            _rename_to_new(unfinished, path)
            renamed.append(path)
    except OSError:
        for path in renamed:
            path.unlink()
        raise


def _rename_to_new(unfinished: Path, path: Path) -> None:
    """Renames a file without replacing another one: unlike a rename, creating a hard link fails if the name exists."""
    try:
        path.hardlink_to(unfinished)
    except FileExistsError as error:
        raise OutputExistsError(path) from error
    except OSError:  # a file system without hard links
        refuse_existing([path])
        unfinished.replace(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()
