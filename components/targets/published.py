"""Which targets a model may be published with: exactly those that were measured."""

from __future__ import annotations

import json
from typing import Any

from etils import epath

from components.run_files import TARGETS_FILE
from components.saved_model.model_digest import ModelFilesError, model_digest
from components.targets.names import PUBLISHED_TARGETS_FOLDER


def read_results(folder: epath.PathLike) -> dict[str, Any] | None:
    """Reads `targets.json` in a folder: the Model artifact of TargetExporter, or the folder of a version's targets.

    Returns:
        See `components.targets.gate.export_and_score`; `None` if the folder has no such file.

    Raises:
        ModelFilesError: the file is damaged.
    """
    file = epath.Path(folder) / TARGETS_FILE
    if not file.exists():
        return None
    try:
        results = json.loads(file.read_text())
        if not all(isinstance(result["published"], bool) for result in results["targets"].values()):
            raise TypeError("a target is neither published nor refused")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFilesError(f"{file} is damaged ({error}); run the same command again") from error
    return dict(results)


def check_targets(model: epath.PathLike) -> None:
    """Checks that the targets in a model's folder are those that were measured and may be published.

    Raises:
        ModelFilesError: a target is missing, has changed since it was measured, was never measured, or was made from
            another model.
    """
    folder = epath.Path(model) / PUBLISHED_TARGETS_FOLDER
    if not folder.is_dir():
        return
    content = read_results(folder) or {"targets": {}}
    results = content["targets"]
    if content.get("saved_model", {}).get("digest") not in (None, model_digest(model)):
        raise ModelFilesError(f"{folder} has the targets of another model; run the same command again")
    measured = {name: result.get("digest") for name, result in results.items() if result["published"]}
    found = {path.name: path for path in folder.iterdir() if path.is_dir()}
    for name in sorted(measured.keys() | found.keys()):
        if name not in measured:
            raise ModelFilesError(f"{folder / name} was not measured, so it is not published; remove it")
        if name not in found:
            raise ModelFilesError(f"{folder / name} is missing; run the same command again")
        if model_digest(found[name]) != measured[name]:
            raise ModelFilesError(f"{folder / name} has changed since it was measured; run the same command again")
