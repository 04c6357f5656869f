"""Adds the target `litert` to a SavedModel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.targets.export import export_target
from components.targets.names import PUBLISHED_TARGETS_FOLDER
from components.targets.target_folder import TargetModel, read_target

if TYPE_CHECKING:
    from pathlib import Path


def add_target(saved_model: Path) -> Path:
    """Exports the target of a SavedModel as if it had been published with it; returns the target's folder."""
    folder = saved_model / PUBLISHED_TARGETS_FOLDER / "litert"
    export_target(saved_model, "litert", folder)
    return folder


def read_added(saved_model: Path) -> TargetModel:
    """Reads the target that `add_target` wrote."""
    return read_target(saved_model / PUBLISHED_TARGETS_FOLDER / "litert")
