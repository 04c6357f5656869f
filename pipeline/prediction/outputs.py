"""Files that appear whole or not at all, and replace others only where that is asked for."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

Writer = Callable[[BinaryIO], None]


class OutputExistsError(FileExistsError):
    """A file is there already, and was left as it is."""

    def __init__(self, path: Path):
        super().__init__(f"{path} is there already: --force replaces it")


def refuse_existing(paths: list[Path]) -> None:
    """Makes sure that none of the files is there.

    Raises:
        OutputExistsError: one is.
    """
    for path in paths:
        if path.exists() or path.is_symlink():
            raise OutputExistsError(path)


def write_files(files: Mapping[Path, Writer], *, replace: bool) -> None:
    """Writes files that belong together: under other names first, so that each is whole when it gets its own.

    Args:
        files: path → what writes its content. Folders are made.
        replace: replace files that are there.

    Raises:
        OutputExistsError: one is there and may not be replaced; then none is written.
        OSError: one can't be written; then none is left that was not there before.
    """
    temporary: dict[Path, Path] = {}
    try:
        for path, write in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
            temporary[path] = Path(name)
            with os.fdopen(descriptor, "wb") as file:
                write(file)
        mask = os.umask(0)
        os.umask(mask)
        for unfinished in temporary.values():
            unfinished.chmod(0o666 & ~mask)  # mkstemp's are for their owner alone
        _give_names(temporary, replace)
    finally:
        for unfinished in temporary.values():
            unfinished.unlink(missing_ok=True)


def _give_names(temporary: Mapping[Path, Path], replace: bool) -> None:
    if replace:
        for path, unfinished in temporary.items():
            unfinished.replace(path)
        return
    given: list[Path] = []
    try:
        for path, unfinished in temporary.items():
            _rename_to_new(unfinished, path)
            given.append(path)
    except OSError:
        for path in given:
            path.unlink()
        raise


def _rename_to_new(unfinished: Path, path: Path) -> None:
    """Renames, but never over another file: a link is refused where there is one."""
    try:
        path.hardlink_to(unfinished)
    except FileExistsError as error:
        raise OutputExistsError(path) from error
    except OSError:  # a file system without links
        refuse_existing([path])
        unfinished.replace(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()
