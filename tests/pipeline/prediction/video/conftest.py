from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pipeline.prediction.video.clips import CODECS, write_clip

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Suffix → a clip of one second in that format."""
    folder = tmp_path_factory.mktemp("clips")
    return {suffix: write_clip(folder / f"clip{suffix}") for suffix in CODECS}
