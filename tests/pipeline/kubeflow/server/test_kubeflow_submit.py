"""`vocseg kubeflow submit`, `status` and `list` with kfp's real client, against a server on localhost."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE
from pipeline.kubeflow.server import client, runs
from tests.pipeline.kubeflow.server.cluster_commands import NODES, small_spec, vocseg_kubeflow, write_spec
from tests.pipeline.kubeflow.server.kfp_server import KFPServer, running

TOKEN = "a-token-that-nobody-may-see"


@pytest.fixture(autouse=True)
def clean_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in (client.HOST_VARIABLE, client.TOKEN_VARIABLE, client.TOKEN_FILE_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(client.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "no-context.json"))
    monkeypatch.setattr(runs, "POLL_SECONDS", 0.01)


@pytest.fixture
def server() -> Iterator[KFPServer]:
    with running() as kfp:
        yield kfp


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return write_spec(tmp_path / "pipeline.yaml")


def test_a_spec_is_submitted_with_typed_parameters(server: KFPServer, spec: Path, capsys: Any) -> None:
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


def test_what_is_not_said_is_left_to_the_spec(server: KFPServer, spec: Path) -> None:
    assert vocseg_kubeflow("submit", spec, "--host", f"{server.url}/") == 0
    run = server.runs["run-1"]
    assert "pipeline_root" not in run["runtime_config"]
    assert not run["runtime_config"].get("parameters")
    assert server.experiments[run["experiment_id"]]["display_name"] == "Default"
    assert len(server.experiments) == 1  # it was there
    assert run["display_name"].startswith("voc-seg-small 20")


def test_waiting_shows_each_node_once_and_ends_well(server: KFPServer, spec: Path, capsys: Any) -> None:
    server.states = ("PENDING", "RUNNING", "RUNNING", "RUNNING", "SUCCEEDED")
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--wait") == 0
    printed = capsys.readouterr().out
    assert printed.count("VocExampleGen: succeeded 2 min 5 s") == 1
    assert printed.count("Pusher: running") == 1
    assert printed.index("Pusher: running") < printed.index("Pusher: succeeded 2 min 5 s")
    assert "driver" not in printed
    assert printed.rstrip().endswith("succeeded after 2 min 5 s")


@pytest.mark.parametrize("end", ["FAILED", "CANCELED"])
def test_waiting_for_a_run_that_ends_badly_fails(server: KFPServer, spec: Path, capsys: Any, end: str) -> None:
    server.states, server.failed_node = ("RUNNING", end), "SegmentationTrainer-fcn8"
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--wait") == EXIT_FAILED
    printed = capsys.readouterr().out
    assert end.lower() in printed
    assert "vocseg kubeflow logs run-1" in printed
    if end == "FAILED":
        assert "SegmentationTrainer-fcn8: failed" in printed
        assert "node SegmentationTrainer-fcn8 exited with 1" in printed


def test_watching_outlives_a_server_that_is_away_for_a_while(server: KFPServer, spec: Path, monkeypatch: Any) -> None:
    server.failures = runs.MAX_SILENCE - 1
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--wait") == 0
    server.failures = runs.MAX_SILENCE
    assert vocseg_kubeflow("status", "run-1", "--host", server.url, "--wait") == EXIT_FAILED


def test_status_shows_all_nodes(server: KFPServer, spec: Path, capsys: Any) -> None:
    server.states, server.failed_node = ("RUNNING", "FAILED"), "Pusher"
    vocseg_kubeflow("submit", spec, "--host", server.url)
    capsys.readouterr()
    assert vocseg_kubeflow("status", "run-1", "--host", server.url) == 0
    printed = capsys.readouterr().out
    assert all(node in printed for node in NODES)
    assert "running" in printed
    assert vocseg_kubeflow("status", "run-1", "--host", server.url) == EXIT_FAILED


def test_list_shows_the_newest_first_and_one_experiment(server: KFPServer, spec: Path, capsys: Any) -> None:
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
    assert capsys.readouterr().err == f"vocseg: experiment 'z' is unknown to {server.url}; it has Default, a, b\n"


def test_an_unknown_run(server: KFPServer, capsys: Any) -> None:
    for command in (("status",), ("status", "--wait"), ("logs",)):
        assert vocseg_kubeflow(*command, "nowhere", "--host", server.url) == EXIT_FAILED
        assert capsys.readouterr().err == (
            f"vocseg: run 'nowhere' is unknown to {server.url}; `vocseg kubeflow list` shows those that there are\n"
        )


def test_a_token_comes_from_a_file_or_the_environment(
    server: KFPServer, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    server.token = TOKEN
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--token-file", file) == 0
    monkeypatch.setenv(client.TOKEN_FILE_VARIABLE, str(file))
    assert vocseg_kubeflow("list", "--host", server.url) == 0
    monkeypatch.setenv(client.TOKEN_VARIABLE, "wrong")  # goes before the other variable
    assert vocseg_kubeflow("list", "--host", server.url) == EXIT_FAILED
    monkeypatch.setenv(client.TOKEN_VARIABLE, TOKEN)
    monkeypatch.setenv(client.HOST_VARIABLE, server.url)
    assert vocseg_kubeflow("list") == 0
    printed = capsys.readouterr()
    assert TOKEN not in printed.out + printed.err
    assert TOKEN not in json.dumps(server.runs)


def test_a_renewed_token_is_used_while_watching(server: KFPServer, spec: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    server.token = "old"
    connection = client.connect(server.url, token_file=file)
    assert runs.list_runs(connection) == []
    server.token = "new"
    with pytest.raises(client.ServerError, match="did not accept the token"):
        runs.list_runs(connection)
    file.write_text("new")
    assert runs.list_runs(connection) == []


def test_a_refused_token(server: KFPServer, spec: Path, tmp_path: Path, capsys: Any) -> None:
    server.token = TOKEN
    file = tmp_path / "token"
    file.write_text("expired")
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--token-file", file) == EXIT_FAILED
    assert capsys.readouterr().err == (
        f"vocseg: {server.url} did not accept the token (401): Request header error: there is no user identity header. "
        "It may have expired: get a new one\n"
    )
    assert vocseg_kubeflow("submit", spec, "--host", server.url) == EXIT_FAILED
    assert "asks for a token (401): give --token-file FILE" in capsys.readouterr().err
    assert server.runs == {}


def test_a_token_whose_owner_may_not(server: KFPServer, spec: Path, capsys: Any) -> None:
    server.forbidden = server.multi_user = True
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--namespace", "team") == EXIT_FAILED
    error = capsys.readouterr().err
    assert "does not let you do this in namespace team (403)" in error
    assert "no role binding" in error
    assert vocseg_kubeflow("list", "--host", server.url) == EXIT_FAILED
    assert "give --namespace" in capsys.readouterr().err


def test_the_namespace_goes_along(server: KFPServer, spec: Path) -> None:
    server.multi_user = True
    arguments = ("--host", server.url, "--namespace", "team")
    assert vocseg_kubeflow("submit", spec, *arguments, "--experiment", "new") == 0
    assert vocseg_kubeflow("list", *arguments) == 0
    assert [made["namespace"] for made in server.experiments.values() if made["display_name"] == "new"] == ["team"]
    assert server.requests[-1][2]["namespace"] == "team"


def test_a_login_page_in_front_of_the_api(server: KFPServer, spec: Path, capsys: Any) -> None:
    for namespace in ((), ("--namespace", "team")):
        server.login_page = True
        assert vocseg_kubeflow("submit", spec, "--host", server.url, *namespace) == EXIT_FAILED
        assert f"{server.url} answers with a web page, not with the API" in capsys.readouterr().err


def test_a_server_that_is_down(spec: Path, capsys: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{unused.getsockname()[1]}"
    for namespace in ((), ("--namespace", "team")):
        assert vocseg_kubeflow("submit", spec, "--host", host, *namespace) == EXIT_FAILED
        error = capsys.readouterr().err
        assert error.startswith(f"vocseg: no answer from {host}: Connection refused. Is the server up")
        assert len(error.splitlines()) == 1


def test_a_server_that_never_answers(spec: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        host = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for namespace in ((), ("--namespace", "team")):
            assert vocseg_kubeflow("list", "--host", host, *namespace) == EXIT_FAILED
            assert f"no answer from {host}: " in capsys.readouterr().err


def test_a_spec_that_the_server_rejects(server: KFPServer, tmp_path: Path, capsys: Any) -> None:
    spec = write_spec(tmp_path / "old.yaml", {**small_spec(), "schemaVersion": "1.0"})
    assert vocseg_kubeflow("submit", spec, "--host", server.url) == EXIT_USAGE
    error = capsys.readouterr().err
    assert "vocseg: schemaVersion is 1.0; the open-source backend takes 2.1.0\n" in error
    assert "old.yaml was not submitted; --no-check submits it all the same" in error
    assert server.requests == []
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--no-check") == EXIT_FAILED
    assert capsys.readouterr().err == (
        f"vocseg: {server.url} refused (400): Failed to create a run: InvalidInputError: unsupported schema version "
        "'1.0'\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "epoch=3"), "--set epoch=3: there is no parameter 'epoch'. The specification has devkit (text, "),
        (("--set", "epochs"), "--set epochs: write parameter=value. The specification has "),
        (("--set", "epochs=many"), "--set epochs=many: epochs is a whole number"),
        (("--set", "epochs=1.5"), "--set epochs=1.5: epochs is a whole number"),
        (("--set", "learning_rate=fast"), "--set learning_rate=fast: learning_rate is a number"),
        (("--set", "publish=3"), "--set publish=3: publish is true or false"),
        (("--host", "kfp.example"), "--host kfp.example: write http:// or https:// before it"),
        (("--host", ""), "which server? Give --host URL or set KF_PIPELINES_ENDPOINT"),
        (("--token-file", "/no/such/token"), "--token-file /no/such/token: the token can't be read (No such file"),
        (("--ca-file", "/no/such/file"), "--ca-file /no/such/file: no such file"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_sent(
    server: KFPServer, spec: Path, capsys: Any, arguments: tuple[str, ...], message: str
) -> None:
    assert vocseg_kubeflow("submit", spec, "--host", server.url, *arguments) == EXIT_USAGE
    assert capsys.readouterr().err.startswith(f"vocseg: {message}")
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.yaml", None, "can't be read"),
        ("job.yaml", {"pipelineSpec": small_spec()}, "a pipeline job for Vertex AI; compile without --target vertex"),
        ("spec.txt", small_spec(), "kfp's client takes a file whose name ends with .yaml"),
        ("other.yaml", {"name": "demo"}, "holds no pipeline specification"),
        ("broken.yaml", "a: [", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_spec(
    server: KFPServer, tmp_path: Path, capsys: Any, name: str, content: Any, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    assert vocseg_kubeflow("submit", tmp_path / name, "--host", server.url) == EXIT_USAGE
    assert f"{name}: {message}" in capsys.readouterr().err


def test_a_parameter_without_a_default_is_asked_for(server: KFPServer, tmp_path: Path, capsys: Any) -> None:
    values = small_spec()
    del values["root"]["inputDefinitions"]["parameters"]["devkit"]["defaultValue"]
    spec = write_spec(tmp_path / "pipeline.yaml", values)
    assert vocseg_kubeflow("submit", spec, "--host", server.url) == EXIT_USAGE
    assert "devkit has no default: give it with --set devkit=…" in capsys.readouterr().err
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--set", "devkit=gs://b/VOC2012") == 0


@pytest.mark.parametrize("content", ["", "two words", "tökén"])
def test_a_file_that_holds_no_token(server: KFPServer, tmp_path: Path, capsys: Any, content: str) -> None:
    (tmp_path / "token").write_text(content)
    assert vocseg_kubeflow("list", "--host", server.url, "--token-file", tmp_path / "token") == EXIT_USAGE
    assert "--token-file" in capsys.readouterr().err


def test_a_token_is_no_argument(server: KFPServer) -> None:
    with pytest.raises(SystemExit):
        vocseg_kubeflow("list", "--host", server.url, "--token", TOKEN)
    with pytest.raises(SystemExit):  # nor an abbreviation of the option for a file
        vocseg_kubeflow("list", "--host", server.url, "--tok", TOKEN)
