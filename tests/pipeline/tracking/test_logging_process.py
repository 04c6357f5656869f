"""MLflow's client against a server that is right, and against servers that fail: one reason, no exception."""

from __future__ import annotations

import dataclasses
import socket
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.report.contents import read_contents
from pipeline.tracking.logging_process import log_to_mlflow
from pipeline.tracking.tracked_run import tracked_run
from tests.pipeline.tracking.fake_mlflow import fake_mlflow, unused_address
from tests.pipeline.tracking.made_tracked_run import write_run_to_track

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def client_that_does_not_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER", "false")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    output: Path = tmp_path_factory.mktemp("run")
    write_run_to_track(output)
    return dataclasses.asdict(tracked_run(read_contents(output), output, {}))


def logged(uri: str, run: dict[str, Any]) -> dict[str, Any]:
    return log_to_mlflow({"uri": uri, "experiment": "tiny", "artifacts": None, "run": run})


def test_a_run_and_its_candidates_are_logged_and_finished(run: dict[str, Any]) -> None:
    with fake_mlflow() as server:
        assert logged(server.uri, run) == {"experiment": "7", "run": "a1"}
    ends = [path.rpartition("/")[2] for path in server.requests]
    assert ends.count("create") == ends.count("update") == 3
    assert {"model_card.md", "saved_model.pb", "index.html", "curves.png", "summary.json"} <= set(ends)
    created = [body for body in server.bodies if "run_name" in body]
    assert [body["run_name"] for body in created] == ["2026-03-01T10:00:00", "fcn8", "unet"]
    parents = [{tag["key"]: tag["value"] for tag in body["tags"]}.get("mlflow.parentRunId") for body in created]
    assert parents == [None, "a1", "a1"]
    assert {body["status"] for body in server.bodies if "status" in body} == {"FINISHED"}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("page", "the answer is not that of an MLflow server"),
        ("list", "the answer is not that of an MLflow server"),
        ("other", "the answer is not that of an MLflow server"),
        ("login", "the server refused the login; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
        ("error", "the server reports an error"),
        ("later", "the server reports an error"),
        ("drop", "the server closed the connection"),
        ("stall", "the server did not answer in time"),
    ],
)
@pytest.mark.parametrize("first", [0, 3])
def test_a_server_that_fails_is_a_problem(fault: str, first: int, reason: str, run: dict[str, Any]) -> None:
    with fake_mlflow(fault, first) as server:
        outcome = logged(server.uri, run)
    assert outcome["problem"].startswith(reason)
    assert outcome["begun"] == (first > 0)


def test_no_server_is_a_problem(run: dict[str, Any]) -> None:
    assert logged(unused_address(), run)["problem"] == "no server can be reached there"


def test_a_server_that_accepts_and_never_reads_is_a_problem(run: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert (
            logged(f"http://127.0.0.1:{silent.getsockname()[1]}", run)["problem"] == "the server did not answer in time"
        )


def test_a_run_that_cannot_be_completed_is_marked_as_failed(run: dict[str, Any]) -> None:
    with fake_mlflow() as server:
        outcome = logged(server.uri, {**run, "files": {"/no/such/file": ""}})
    assert "/no/such/file" in outcome["problem"]
    assert [body["status"] for body in server.bodies if "status" in body] == ["FINISHED", "FINISHED", "FAILED"]
