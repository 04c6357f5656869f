"""Keeps an evaluation, so that an experiment that was interrupted later does not repeat it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from components.manifest import find_damage, has_manifest, write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from etils import epath


def evaluated_once(parent: epath.Path, inputs: Sequence[str], evaluate: Callable[[epath.Path], object]) -> epath.Path:
    """Evaluates, unless the same inputs have been evaluated before and the files are intact.

    Args:
        parent: the folder of the evaluation; it keeps the latest one.
        inputs: everything that the result depends on.
        evaluate: writes the result to an empty folder.

    Returns:
        The folder with the result.
    """
    folder = parent / hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:16]
    if not has_manifest(folder) or find_damage(folder) is not None:
        if parent.exists():
            parent.rmtree()
        folder.mkdir(parents=True)
        evaluate(folder)
        write_manifest(folder)
    return folder
