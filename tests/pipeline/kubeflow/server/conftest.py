"""A server on localhost and a small specification, for the tests of the commands that talk to a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pipeline.kubeflow.server.cluster_commands import write_spec
from tests.pipeline.kubeflow.server.kfp_server import KFPServer, running_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hides the user's own server settings, and shortens the time between two polls."""
    from pipeline.kubeflow.server import client, runs

    for variable in (client.HOST_VARIABLE, client.TOKEN_VARIABLE, client.TOKEN_FILE_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("kfp.client.Client._LOCAL_KFP_CONTEXT", str(tmp_path / "no-context.json"))
    monkeypatch.setattr(runs, "POLL_SECONDS", 0.01)


@pytest.fixture
def server() -> Iterator[KFPServer]:
    with running_server() as kfp:
        yield kfp


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """The file of a small specification."""
    return write_spec(tmp_path / "pipeline.yaml")
