"""Fixtures that the tests of several components share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def model_in_service(make_artifact: Callable[..., Any]) -> Callable[[Path, Path], Any]:
    """Runs PublishedModel on a serving folder and returns its Model artifact, which is written to the given folder."""
    from components.published_model import executor
    from components.published_model.component import PublishedModel

    def run(folder: Path, serving: Path) -> Any:
        artifact = make_artifact("Model", folder, artifact_id=99)
        executor.Executor().Do({}, {"model": [artifact]}, PublishedModel(str(serving)).exec_properties)
        return artifact

    return run
