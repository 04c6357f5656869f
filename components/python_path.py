"""Where a new Python process finds this project's packages."""

from __future__ import annotations

import os
from pathlib import Path

import components


def python_path() -> str:
    """Returns the `PYTHONPATH` of a process that imports this project from the same folder as this one.

    The process may have another current folder, and the project need not be installed.
    """
    folder = str(Path(components.__path__[0]).parent)
    return os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
