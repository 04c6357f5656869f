"""`vocseg kubeflow submit`, `status` and `list` with kfp's real client, against a server on localhost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE
from pipeline.kubeflow.server import runs
from tests.pipeline.kubeflow.server.cluster_commands import NODES, small_spec, vocseg_kubeflow, write_spec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pipeline.kubeflow.server.kfp_server import KFPServer

Capture = pytest.CaptureFixture[str]


def test_submit_sends_typed_parameters_and_settings(server: KFPServer, spec: Path, capsys: Capture) -> None:
    status = vocseg_kubeflow(
        *("submit", spec, "--host", server.url, "--experiment", "tuning", "--name", "first"),
        *("--set", "epochs=3", "--set", "learning_rate=1e-3", "--set", "publish=false", "--set", "devkit=s3://b/VOC=1"),
        *("--pipeline-root", "s3://b/root", "--no-cache", "--service-account", "trainer"),
    )
    assert status == 0
    assert f"{server.url}/#/runs/details/run-1" in capsys.readouterr().out
    run = server.runs["run-1"]
    assert run["runtime_config"] == {
        "parameters": {"epochs": 3, "learning_rate": 0.001, "publish": False, "devkit": "s3://b/VOC=1"},
        "pipeline_root": "s3://b/root",
    }
    assert (run["display_name"], run["service_account"]) == ("first", "trainer")
    assert server.experiments[run["experiment_id"]]["display_name"] == "tuning"
    tasks = run["pipeline_spec"]["root"]["dag"]["tasks"]
    assert set(tasks) == set(NODES)
    assert not any(task.get("cachingOptions", {}).get("enableCache") for task in tasks.values())


def test_submit_without_options_uses_the_specifications_values(server: KFPServer, spec: Path) -> None:
    assert vocseg_kubeflow("submit", spec, "--host", f"{server.url}/") == 0
    run = server.runs["run-1"]
    assert "pipeline_root" not in run["runtime_config"]
    assert not run["runtime_config"].get("parameters")
    assert server.experiments[run["experiment_id"]]["display_name"] == "Default"
    assert len(server.experiments) == 1  # no experiment was created
    assert run["display_name"].startswith("voc-seg-small 20")


def test_wait_shows_each_change_once_and_succeeds(server: KFPServer, spec: Path, capsys: Capture) -> None:
    server.states = ("PENDING", "RUNNING", "RUNNING", "RUNNING", "SUCCEEDED")
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--wait") == 0
    printed = capsys.readouterr().out
    assert printed.count("VocExampleGen: succeeded 2 min 5 s") == 1
    assert printed.count("Pusher: running") == 1
    assert printed.index("Pusher: running") < printed.index("Pusher: succeeded 2 min 5 s")
    assert "driver" not in printed
    assert printed.rstrip().endswith("succeeded after 2 min 5 s")


@pytest.mark.parametrize("end", ["FAILED", "CANCELED"])
def test_wait_fails_if_the_run_fails_or_is_cancelled(server: KFPServer, spec: Path, capsys: Capture, end: str) -> None:
    server.states, server.failed_node = ("RUNNING", end), "SegmentationTrainer-fcn8"
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--wait") == EXIT_FAILED
    printed = capsys.readouterr().out
    assert end.lower() in printed
    assert "vocseg kubeflow logs run-1" in printed
    if end == "FAILED":
        assert "SegmentationTrainer-fcn8: failed" in printed
        assert "node SegmentationTrainer-fcn8 exited with 1" in printed


def test_wait_tolerates_a_server_that_is_unavailable_for_a_while(server: KFPServer, spec: Path) -> None:
    server.failures = runs.MAX_FAILED_POLLS - 1
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--wait") == 0
    server.failures = runs.MAX_FAILED_POLLS
    assert vocseg_kubeflow("status", "run-1", "--host", server.url, "--wait") == EXIT_FAILED


def test_status_shows_all_nodes(server: KFPServer, spec: Path, capsys: Capture) -> None:
    server.states, server.failed_node = ("RUNNING", "FAILED"), "Pusher"
    vocseg_kubeflow("submit", spec, "--host", server.url)
    capsys.readouterr()
    assert vocseg_kubeflow("status", "run-1", "--host", server.url) == 0
    printed = capsys.readouterr().out
    assert all(node in printed for node in NODES)
    assert "running" in printed
    assert vocseg_kubeflow("status", "run-1", "--host", server.url) == EXIT_FAILED


def test_list_shows_the_newest_run_first_and_filters_by_experiment(
    server: KFPServer, spec: Path, capsys: Capture
) -> None:
    assert vocseg_kubeflow("list", "--host", server.url) == 0
    assert capsys.readouterr().out == "no runs\n"
    for name, experiment in (("first", "a"), ("second", "b")):
        vocseg_kubeflow("submit", spec, "--host", server.url, "--name", name, "--experiment", experiment)
    capsys.readouterr()
    assert vocseg_kubeflow("list", "--host", server.url) == 0
    printed = capsys.readouterr().out
    assert printed.index("second") < printed.index("first")
    assert "2026-03-01 10:00" in printed
    assert vocseg_kubeflow("list", "--host", server.url, "--experiment", "a") == 0
    assert "second" not in capsys.readouterr().out
    assert vocseg_kubeflow("list", "--host", server.url, "--experiment", "z") == EXIT_USAGE
    assert capsys.readouterr().err == (
        f"vocseg: experiment 'z' does not exist on {server.url}; the experiments are: Default, a, b\n"
    )


def test_an_unknown_run_is_reported(server: KFPServer, capsys: Capture) -> None:
    for command in (("status",), ("status", "--wait"), ("logs",)):
        assert vocseg_kubeflow(*command, "nowhere", "--host", server.url) == EXIT_FAILED
        assert capsys.readouterr().err == (
            f"vocseg: run 'nowhere' does not exist on {server.url}; `vocseg kubeflow list` lists the runs\n"
        )


def test_a_specification_that_the_checker_or_the_server_refuses(
    server: KFPServer, tmp_path: Path, capsys: Capture
) -> None:
    spec = write_spec(tmp_path / "old.yaml", {**small_spec(), "schemaVersion": "1.0"})
    assert vocseg_kubeflow("submit", spec, "--host", server.url) == EXIT_USAGE
    error = capsys.readouterr().err
    assert "vocseg: schemaVersion is 1.0; the open-source backend needs 2.1.0\n" in error
    assert "old.yaml was not submitted; to submit it anyway, give --no-check" in error
    assert server.requests == []
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--no-check") == EXIT_FAILED
    assert capsys.readouterr().err == (
        f"vocseg: {server.url} refused the request (400): Failed to create a run: InvalidInputError: unsupported "
        "schema version '1.0'\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "epoch=3"), "--set epoch=3: unknown parameter 'epoch'. The parameters are devkit (text, default "),
        (("--set", "epochs"), "--set epochs: write parameter=value. The parameters are "),
        (("--set", "epochs=many"), "--set epochs=many: epochs must be an integer"),
        (("--set", "epochs=1.5"), "--set epochs=1.5: epochs must be an integer"),
        (("--set", "learning_rate=fast"), "--set learning_rate=fast: learning_rate must be a number"),
        (("--set", "publish=3"), "--set publish=3: publish must be true or false"),
        (("--host", "kfp.example"), "--host kfp.example: the address must start with http:// or https://"),
        (("--host", ""), "no server address: give --host URL or set KF_PIPELINES_ENDPOINT"),
        (("--token-file", "/no/such/token"), "--token-file /no/such/token: the token cannot be read (No such file"),
        (("--ca-file", "/no/such/file"), "--ca-file /no/such/file: no such file"),
    ],
)
def test_invalid_arguments_are_refused_before_the_first_request(
    server: KFPServer, spec: Path, capsys: Capture, arguments: tuple[str, ...], message: str
) -> None:
    assert vocseg_kubeflow("submit", spec, "--host", server.url, *arguments) == EXIT_USAGE
    assert capsys.readouterr().err.startswith(f"vocseg: {message}")
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.yaml", None, "cannot be read"),
        (
            "job.yaml",
            {"pipelineSpec": small_spec()},
            "is a pipeline job for Vertex AI; compile it without --target vertex",
        ),
        ("spec.txt", small_spec(), "the file name must end with .yaml, as kfp's client requires"),
        ("other.yaml", {"name": "demo"}, "contains no pipeline specification"),
        ("broken.yaml", "a: [", "invalid YAML"),
    ],
)
def test_an_invalid_file_is_refused(
    server: KFPServer, tmp_path: Path, capsys: Capture, name: str, content: Any, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    assert vocseg_kubeflow("submit", tmp_path / name, "--host", server.url) == EXIT_USAGE
    assert f"{name}: {message}" in capsys.readouterr().err


def test_a_parameter_without_a_default_is_required(server: KFPServer, tmp_path: Path, capsys: Capture) -> None:
    values = small_spec()
    del values["root"]["inputDefinitions"]["parameters"]["devkit"]["defaultValue"]
    spec = write_spec(tmp_path / "pipeline.yaml", values)
    assert vocseg_kubeflow("submit", spec, "--host", server.url) == EXIT_USAGE
    assert "parameter 'devkit' has no default: give --set devkit=…" in capsys.readouterr().err
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--set", "devkit=gs://b/VOC2012") == 0
