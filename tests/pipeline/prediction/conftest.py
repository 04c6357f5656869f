"""A tiny model whose class maps contain several classes, exported like the pipeline does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pipeline.random_model import SIZE as SIZE
from tests.pipeline.random_model import export_random_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.prediction.segmenter import Segmenter


@pytest.fixture(scope="session")
def export_model() -> Callable[..., Path]:
    """Exports a network of random filters."""
    return export_random_model


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, export_model: Callable[..., Path]) -> Path:
    """A run's output folder with one published model of VOC's 21 classes."""
    folder = tmp_path_factory.mktemp("run")
    export_model(folder / "serving" / "7")
    return folder


@pytest.fixture(scope="session")
def segmenter(run_folder: Path) -> Segmenter:
    from pipeline.prediction.segmenter import load_segmenter

    return load_segmenter(run_folder)
