from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.demo.models import export_colour_model


@pytest.fixture(scope="session")
def colour_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model that tells red from blue, and one that sees nothing."""
    folder = tmp_path_factory.mktemp("models")
    return export_colour_model(folder / "colours"), export_colour_model(folder / "blind", blind=True)
