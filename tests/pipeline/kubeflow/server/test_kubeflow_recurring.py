"""`vocseg kubeflow recurring` with kfp's real client, against a server on localhost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE
from tests.pipeline.kubeflow.server.cluster_commands import vocseg_kubeflow, write_spec
from tests.pipeline.kubeflow.server.kfp_server import KFPServer, running


@pytest.fixture
def server() -> Iterator[KFPServer]:
    with running() as kfp:
        yield kfp


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return write_spec(tmp_path / "pipeline.yaml")


def test_a_recurring_run_from_making_to_deleting(server: KFPServer, spec: Path, capsys: Any) -> None:
    arguments = ("--host", server.url)
    nightly = ("--cron", "0 30 2 * * *", "--name", "nightly", "--experiment", "nights", "--set", "epochs=5")
    assert vocseg_kubeflow("recurring", "list", *arguments) == 0
    assert vocseg_kubeflow("recurring", "create", spec, *arguments, *nightly) == 0
    assert vocseg_kubeflow("recurring", "create", spec, *arguments, "--every", "12h", "--catch-up") == 0
    printed = capsys.readouterr().out
    assert "no recurring runs" in printed
    assert "recurring run recurring-1 (0 30 2 * * *) is made" in printed
    first, second = server.recurring.values()
    assert first["trigger"] == {"cron_schedule": {"cron": "0 30 2 * * *"}}
    assert (first["no_catchup"], first["max_concurrency"], first["mode"]) == (True, 1, "ENABLE")
    assert first["runtime_config"]["parameters"] == {"epochs": 5}
    assert server.experiments[first["experiment_id"]]["display_name"] == "nights"
    assert second["trigger"] == {"periodic_schedule": {"interval_second": 43200}}
    assert not second["no_catchup"]
    second["trigger"]["periodic_schedule"]["interval_second"] = "43200"  # as the server's JSON has int64

    assert vocseg_kubeflow("recurring", "disable", "recurring-1", *arguments) == 0
    assert first["status"] == "DISABLED"
    assert vocseg_kubeflow("recurring", "list", *arguments) == 0
    printed = capsys.readouterr().out
    assert "nightly" in printed
    assert "every 12h" in printed
    assert vocseg_kubeflow("recurring", "enable", "recurring-1", *arguments) == 0
    assert first["status"] == "ENABLED"
    assert vocseg_kubeflow("recurring", "delete", "recurring-1", *arguments) == 0
    assert list(server.recurring) == ["recurring-2"]
    for action in ("enable", "disable", "delete"):
        assert vocseg_kubeflow("recurring", action, "recurring-1", *arguments) == EXIT_FAILED
        assert "recurring run 'recurring-1' is unknown to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (("--cron", "30 2 * * *"), "--cron '30 2 * * *': KFP's cron has six fields, seconds first: '0 30 2 * * *'"),
        (("--cron", "2:30"), "--cron '2:30': write six fields"),
        (("--every", "12"), "--every 12: write a number and s, m, h, d or w, such as 12h"),
        (("--every", "0h"), "--every 0h: write a number and s, m, h, d or w, such as 12h"),
    ],
)
def test_a_schedule_that_the_server_would_not_understand(
    server: KFPServer, spec: Path, capsys: Any, schedule: tuple[str, str], message: str
) -> None:
    assert vocseg_kubeflow("recurring", "create", spec, "--host", server.url, *schedule) == EXIT_USAGE
    assert capsys.readouterr().err.startswith(f"vocseg: {message}")
    assert server.recurring == {}


def test_one_schedule_is_needed(server: KFPServer, spec: Path) -> None:
    for schedule in ((), ("--cron", "@daily", "--every", "1d")):
        with pytest.raises(SystemExit):
            vocseg_kubeflow("recurring", "create", spec, "--host", server.url, *schedule)
