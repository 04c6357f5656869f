"""`vocseg kubeflow recurring` with kfp's real client, against a server on localhost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE
from tests.pipeline.kubeflow.server.cluster_commands import vocseg_kubeflow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pipeline.kubeflow.server.kfp_server import KFPServer

Capture = pytest.CaptureFixture[str]


def test_recurring_runs_are_created_changed_listed_and_deleted(server: KFPServer, spec: Path, capsys: Capture) -> None:
    arguments = ("--host", server.url)
    nightly = ("--cron", "0 30 2 * * *", "--name", "nightly", "--experiment", "nights", "--set", "epochs=5")
    assert vocseg_kubeflow("recurring", "list", *arguments) == 0
    assert vocseg_kubeflow("recurring", "create", spec, *arguments, *nightly) == 0
    assert vocseg_kubeflow("recurring", "create", spec, *arguments, "--every", "12h", "--catch-up") == 0
    printed = capsys.readouterr().out
    assert "no recurring runs" in printed
    assert "created recurring run recurring-1 (0 30 2 * * *)" in printed
    first, second = server.recurring.values()
    assert first["trigger"] == {"cron_schedule": {"cron": "0 30 2 * * *"}}
    assert (first["no_catchup"], first["max_concurrency"], first["mode"]) == (True, 1, "ENABLE")
    assert first["runtime_config"]["parameters"] == {"epochs": 5}
    assert server.experiments[first["experiment_id"]]["display_name"] == "nights"
    assert second["trigger"] == {"periodic_schedule": {"interval_second": 43200}}
    assert not second["no_catchup"]
    second["trigger"]["periodic_schedule"]["interval_second"] = "43200"  # the server's JSON has int64 as text

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
        assert "recurring run 'recurring-1' does not exist on" in capsys.readouterr().err
    server.raw_answer = b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n"
    assert vocseg_kubeflow("recurring", "disable", "recurring-2", *arguments) == EXIT_FAILED
    assert "failed (503): Down" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (("--cron", "30 2 * * *"), "--cron '30 2 * * *': KFP needs six fields, with seconds first: '0 30 2 * * *'"),
        (("--cron", "2:30"), "--cron '2:30': needs six fields"),
        (("--every", "12"), "--every 12: needs a number followed by s, m, h, d or w, for example 12h"),
        (("--every", "0h"), "--every 0h: needs a number followed by s, m, h, d or w, for example 12h"),
    ],
)
def test_an_invalid_schedule_is_refused(
    server: KFPServer, spec: Path, capsys: Capture, schedule: tuple[str, str], message: str
) -> None:
    assert vocseg_kubeflow("recurring", "create", spec, "--host", server.url, *schedule) == EXIT_USAGE
    assert capsys.readouterr().err.startswith(f"vocseg: {message}")
    assert server.recurring == {}


@pytest.mark.parametrize("schedule", [(), ("--cron", "@daily", "--every", "1d")])
def test_exactly_one_schedule_is_required(server: KFPServer, spec: Path, schedule: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        vocseg_kubeflow("recurring", "create", spec, "--host", server.url, *schedule)
