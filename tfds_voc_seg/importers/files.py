"""Keeps names that a source contains inside its folder."""

from __future__ import annotations

import os
from pathlib import PurePosixPath


def relative_name(name: str) -> PurePosixPath | None:
    """Returns a name of a file that a source contains, as a relative path; `None` if it could leave the folder.

    A backslash, as some tools write on Windows, is a separator.
    """
    normal = os.path.normpath(name.replace("\\", "/")) if name and "\0" not in name else ".."
    path = PurePosixPath(normal)
    outside = path.is_absolute() or path.parts[:1] in ((), ("..",)) or ":" in path.parts[0]
    return None if outside else path
