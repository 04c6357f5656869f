from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pipeline.demo.models import export_colour_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def colour_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model that recognises red and blue, and one that predicts background everywhere."""
    folder = tmp_path_factory.mktemp("models")
    return export_colour_model(folder / "colours"), export_colour_model(folder / "blind", blind=True)
