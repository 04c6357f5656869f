"""Folders that look like SavedModels; their files have arbitrary content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.saved_model.serving_folder import versions

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "saved_model.pb": 20_000,
    "fingerprint.pb": 10,
    "variables/variables.index": 500,
    "variables/variables.data-00000-of-00001": 200_000,
    "assets/segmentation.json": 300,
    "assets.extra/model_card.md": 100,
}
"""File of a SavedModel → its size in bytes."""


def write_model(folder: Path, letter: str = "a") -> Path:
    """Writes a model whose files consist of one repeated letter."""
    for name, size in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(letter * size)
    return folder


def version_names(folder: Path) -> list[str]:
    """The complete versions in a serving folder, oldest first."""
    return [path.name for path in versions(folder)]


def content(folder: Path) -> dict[str, bytes]:
    """Relative path → content of all files in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
