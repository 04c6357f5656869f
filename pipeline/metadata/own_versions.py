"""The versions that the runs of an output folder have published, according to the versions themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from components.run_files import ARTIFACTS_FOLDER, PUBLICATION_FILE, SERVING_FOLDER
from components.saved_model.serving_folder import versions, withdrawn_versions

if TYPE_CHECKING:
    from collections.abc import Iterator


def own_versions(output: Path) -> Iterator[tuple[Path, Path]]:
    """Yields the versions that runs of this output folder published, withdrawn ones last.

    Yields:
        The version's folder, and the folder of its PushedModel artifact, whose name is the id of the execution.

    Raises:
        OSError: a file cannot be read; it may name such an artifact.
    """
    serving = output / SERVING_FOLDER
    for version in (*versions(serving), *withdrawn_versions(serving)):
        try:
            artifact = Path(json.loads((Path(version) / PUBLICATION_FILE).read_text())["pushed_model"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            continue  # an earlier version of this project published it, or a person copied it
        if artifact.is_relative_to(output / ARTIFACTS_FOLDER) and artifact.name.isdecimal():
            yield Path(version), artifact
