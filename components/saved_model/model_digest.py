"""The digest of a SavedModel's content, by which the nodes make sure that they handle the same model."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from etils import epath

from components.run_files import EXTRA_ASSETS_FOLDER
from tfds_voc_seg.storage import file_sha256, files_below


class ModelFilesError(ValueError):
    """The files of a model are not what they should be; the message says which and what to do."""


def model_digest(model: epath.PathLike) -> str:
    """Computes a SHA-256 hex digest of the names and contents of a SavedModel's files.

    Files in `assets.extra`, such as the model card, are left out: they do not change the predictions.

    Raises:
        ModelFilesError: the model contains a symbolic link.
    """
    refuse_links(model)
    model = epath.Path(model)
    digest = hashlib.sha256()
    for file in files_below(model):
        name = file.relative_to(model)
        if name.parts[0] != EXTRA_ASSETS_FOLDER:
            digest.update(f"{name}\0".encode() + bytes.fromhex(file_sha256(file)))
    return digest.hexdigest()


def refuse_links(model: epath.PathLike) -> None:
    """Checks that a model consists of its own files only.

    Raises:
        ModelFilesError: the model contains a symbolic link, whose target can change without the model.
    """
    if "://" in str(model):
        return  # an object store has no links
    for folder, folders, files in os.walk(model):
        for name in (*folders, *files):
            path = Path(folder) / name
            if path.is_symlink():
                raise ModelFilesError(f"{path} is a symbolic link; replace it by the file itself")
