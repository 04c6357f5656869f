"""Where a model's SavedModel lies, by what a person names. Needs no TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path

from components.run_files import SAVED_MODEL_FILE, SERVING_FOLDER
from components.saved_model.serving_folder import latest_version


class ModelNotFoundError(ValueError):
    """There is no model where one was named; the message says where, and what can be named."""


def find_saved_model(model: str | os.PathLike[str]) -> Path:
    """Finds the SavedModel: the folder itself, its latest version, or that of its publishing folder.

    Args:
        model: a SavedModel, a publishing folder (its latest version), or a run's output folder.

    Returns:
        The SavedModel's folder, absolute.

    Raises:
        ModelNotFoundError: there is none.
    """
    folder = Path(model).resolve()
    if (folder / SAVED_MODEL_FILE).is_file():
        return folder
    for publishing in (folder, folder / SERVING_FOLDER):
        latest = latest_version(publishing)
        if latest is not None:
            return Path(latest)
    raise ModelNotFoundError(
        f"{model} holds no model: name a SavedModel, a publishing folder of versions, or the output folder of a run"
    )
