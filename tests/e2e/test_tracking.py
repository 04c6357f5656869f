"""Runs that log to a real MLflow server on localhost, and to one that is down."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mlflow import MlflowClient

from tests.e2e.run_workspace import TRAINERS, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow.entities import Run

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs/tracking.md"
PASSWORD = "s3cret-word"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with a database of its own."""
    folder = tmp_path_factory.mktemp("server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/db", "--artifacts-destination", str(folder / "artifacts")]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        uri = f"http://127.0.0.1:{port}"
        _wait_until_healthy(uri, process, folder / "log")
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def _wait_until_healthy(uri: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=5):
                return
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.5)
    pytest.fail(f"the server did not start: {log.read_text()}")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("workspace"))


def track(workspace: Workspace, uri: str) -> tuple[str, dict[str, Any]]:
    """Runs `vocseg run` with a tracking URI; returns what it prints, and its summary."""
    command = workspace.command_line("--set", f"tracking.mlflow={uri}", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    assert command.returncode == 0, command.stdout + command.stderr
    return command.stdout, json.loads((workspace.output / "summary.json").read_text())


@pytest.fixture(scope="module")
def first_run(workspace: Workspace, server: str) -> tuple[str, dict[str, Any]]:
    return track(workspace, server)


@pytest.fixture(scope="module")
def runs(first_run: tuple[str, dict[str, Any]], server: str) -> dict[str, Run]:
    """The runs on the server, by their names; that of the whole run is `run`."""
    assert f"MLflow: {server}/#/experiments/" in first_run[0]
    client = MlflowClient(server)
    found = client.search_runs([client.get_experiment_by_name("tiny").experiment_id])
    return {run.data.tags.get("voc_seg.candidate", "run"): run for run in found}


def files_of(client: MlflowClient, run: Run, folder: str = "") -> set[str]:
    found: set[str] = set()
    for file in client.list_artifacts(run.info.run_id, folder or None):
        found |= files_of(client, run, file.path) if file.is_dir else {file.path}
    return found


def test_a_run_and_its_candidates_are_on_the_server(
    runs: dict[str, Run], first_run: tuple[str, dict[str, Any]], workspace: Workspace
) -> None:
    summary = first_run[1]
    assert set(runs) == {"run", "own", "unet"}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    parent = runs["run"]
    assert parent.data.params["data.image_size"] == "32"
    assert parent.data.tags["voc_seg.preset"] == str(workspace.preset)
    assert parent.data.tags["voc_seg.published"] == summary["published"]
    for name in ("own", "unet"):
        child, figures = runs[name], summary["candidates"][name]
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.data.params["training.epochs"] == "2"
        assert child.data.metrics["val/mean_iou"] == pytest.approx(figures["mean_iou"])
        for class_name, iou in figures["per_class_iou"].items():
            assert child.data.metrics.get(f"val/per_class_iou/{class_name}") == pytest.approx(iou)


def test_the_curves_have_a_point_per_epoch(runs: dict[str, Run], server: str) -> None:
    points = MlflowClient(server).get_metric_history(runs["unet"].info.run_id, "loss")
    assert [point.step for point in points] == [1, 2]


def test_report_and_published_model_are_on_the_server_as_the_page_says(
    runs: dict[str, Run], server: str, first_run: tuple[str, dict[str, Any]]
) -> None:
    files = files_of(MlflowClient(server), runs["run"])
    assert {"summary.json", "curves.png", "report/index.html"} <= files
    version = Path(first_run[1]["published"])
    published = {f"model/{file.relative_to(version)}" for file in version.rglob("*") if file.is_file()}
    assert {file for file in files if file.startswith("model/")} == published
    assert "model/assets.extra/model_card.md" in published
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code.replace("http://localhost:5000", server).replace('"demo"', '"tiny"'), names)
    assert "serving_default" in names["model"].signatures


def test_a_server_that_is_down_changes_nothing_but_a_sentence(
    first_run: tuple[str, dict[str, Any]], workspace: Workspace
) -> None:
    assert first_run[1]["published"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    printed, summary = track(workspace, f"http://ann:{PASSWORD}@{address}")
    assert f"the run was not logged to MLflow at http://{address}: no server can be reached there\n" in printed
    assert {"VocExampleGen", *TRAINERS} <= set(summary["cached"])
    assert not [
        file for file in workspace.output.rglob("*") if file.is_file() and PASSWORD.encode() in file.read_bytes()
    ]
    assert PASSWORD not in printed
