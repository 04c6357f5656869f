"""Published models with and without a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pipeline.engines.targets import add_target
from tests.pipeline.random_model import export_random_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's output folder with one published model of VOC's 21 classes."""
    folder = tmp_path_factory.mktemp("run")
    export_random_model(folder / "serving" / "7")
    return folder


@pytest.fixture(scope="session")
def run_with_target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the target `litert`."""
    folder = tmp_path_factory.mktemp("run_with_target")
    add_target(export_random_model(folder / "serving" / "7"))
    return folder
