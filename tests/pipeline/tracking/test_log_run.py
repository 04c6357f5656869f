"""Logging a finished run in a process of its own: the login stays secret, and nothing but `TrackingError` comes out."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest
from mlflow import MlflowClient

from pipeline.tracking import log_run as module
from pipeline.tracking.log_run import TrackingError, log_run
from tests.pipeline.tracking.fake_mlflow import fake_mlflow
from tests.pipeline.tracking.made_tracked_run import config_of, write_run_to_track

if TYPE_CHECKING:
    from pathlib import Path

USER, PASSWORD = "ann", "s3cret/@x"
LOGIN = f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
SECRETS = (PASSWORD, "s3cret%2F%40x", LOGIN.removeprefix("Basic "))


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_run_to_track(folder)
    return folder


@pytest.fixture(autouse=True)
def client_that_does_not_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def with_login(uri: str) -> str:
    return uri.replace("://", f"://{USER}:s3cret%2F%40x@")


def failure(output: Path, uri: str, *overrides: str) -> str:
    with pytest.raises(TrackingError) as caught:
        log_run(config_of(output, uri, *overrides), "demo")
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_login_of_the_uri_is_used_and_not_shown(output: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = dict(os.environ)
    with fake_mlflow() as server:
        page = log_run(config_of(output, with_login(server.uri), "tracking.experiment=mine"), "demo")
    assert page == f"{server.uri}/#/experiments/7/runs/a1"
    assert set(server.logins) == {LOGIN}
    printed = capfd.readouterr()
    assert not any(secret in printed.out + printed.err for secret in SECRETS)
    assert dict(os.environ) == before


def test_a_server_that_repeats_a_refused_login_does_not_make_it_public(
    output: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with fake_mlflow("login") as server:
        message = failure(output, with_login(server.uri))
    assert message.startswith(f"the run was not logged to MLflow at {server.uri}: the server refused the login; set")
    printed = capfd.readouterr()
    assert "no: Basic *** Basic ***" in printed.err  # the server's answer, in the log
    assert not any(secret in message + printed.out + printed.err for secret in SECRETS)


def test_logging_ends_when_its_time_is_over(output: Path) -> None:
    with fake_mlflow("stall", 4) as server:
        message = failure(output, server.uri, "tracking.timeout_seconds=6")
    assert message.endswith("it took longer than 6 s and was stopped (tracking.timeout_seconds)")


@pytest.mark.slow
def test_an_answer_that_never_ends_takes_little_memory(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MEMORY_BYTES", 500 * 2**20)
    with fake_mlflow("endless") as server:
        assert failure(output, server.uri).endswith("the server's answer is too large")


def test_a_client_that_cannot_start_or_dies_is_a_problem(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PROCESS", "no.such.module")
    assert failure(output, "http://localhost:1").endswith("MLflow's client ended with status 1; the log has its output")
    monkeypatch.setattr("sys.executable", str(output / "no_python"))
    assert "the process that logs it cannot be started (No such file" in failure(output, "http://localhost:1")


def test_a_run_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    assert "is not a folder" in failure(tmp_path / "none", "http://localhost:1")


@pytest.mark.slow
def test_a_database_is_written_without_a_server(output: Path, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    config = config_of(output, uri, "tracking.timeout_seconds=1000")
    assert log_run(config, "demo").startswith(f"{uri}, run ")
    client = MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("demo").experiment_id])
    assert sorted(run.data.tags.get("voc_seg.candidate", "") for run in runs) == ["", "fcn8", "unet"]
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert parent.info.artifact_uri.startswith((tmp_path / "mlruns").as_uri())
    assert {file.path for file in client.list_artifacts(parent.info.run_id, "model")} == {
        "model/saved_model.pb",
        "model/assets.extra",
    }
