"""The connection to a server: tokens, namespaces, login pages, and servers that do not answer."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE
from pipeline.kubeflow.server import client, runs
from pipeline.kubeflow.server.token import is_unencrypted
from tests.pipeline.kubeflow.server.cluster_commands import vocseg_kubeflow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pipeline.kubeflow.server.kfp_server import KFPServer

TOKEN = "a-token-that-must-not-be-shown"

Capture = pytest.CaptureFixture[str]


def test_a_token_comes_from_a_file_or_the_environment(
    server: KFPServer, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    server.token = TOKEN
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--token-file", file) == 0
    monkeypatch.setenv(client.TOKEN_FILE_VARIABLE, str(file))
    assert vocseg_kubeflow("list", "--host", server.url) == 0
    monkeypatch.setenv(client.TOKEN_VARIABLE, "wrong")  # overrides the variable with the file
    assert vocseg_kubeflow("list", "--host", server.url) == EXIT_FAILED
    monkeypatch.setenv(client.TOKEN_VARIABLE, TOKEN)
    monkeypatch.setenv(client.HOST_VARIABLE, server.url)
    assert vocseg_kubeflow("list") == 0
    printed = capsys.readouterr()
    assert TOKEN not in printed.out + printed.err
    assert TOKEN not in json.dumps(server.runs)


def test_a_renewed_token_file_is_read_again(server: KFPServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    server.token = "old"
    connection = client.connect(server.url, token_file=file)
    assert runs.list_runs(connection) == []
    server.token = "new"
    with pytest.raises(client.ServerError, match="refused the token"):
        runs.list_runs(connection)
    file.write_text("new")
    assert runs.list_runs(connection) == []
    file.unlink()
    with pytest.raises(client.ServerError, match=r"the token file can no longer be read: .*token"):
        runs.list_runs(connection)


def test_a_refused_token_is_reported(server: KFPServer, spec: Path, tmp_path: Path, capsys: Capture) -> None:
    server.token = TOKEN
    file = tmp_path / "token"
    file.write_text("expired")
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--token-file", file) == EXIT_FAILED
    assert capsys.readouterr().err == (
        f"vocseg: {server.url} refused the token (401): Request header error: there is no user identity header. "
        "If the token has expired, get a new one\n"
    )
    assert vocseg_kubeflow("submit", spec, "--host", server.url) == EXIT_FAILED
    assert "needs a token (401): give --token-file FILE" in capsys.readouterr().err
    assert server.runs == {}


def test_a_token_that_the_server_repeats_is_not_shown(
    server: KFPServer, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    server.echoes, server.token = True, "another"
    file = tmp_path / "token"
    file.write_text(TOKEN)
    arguments = ("--host", server.url, "--token-file", file)
    assert vocseg_kubeflow("list", *arguments) == EXIT_FAILED
    printed = capsys.readouterr()
    assert "Yours is Bearer (the token)" in printed.err
    server.token = TOKEN
    assert vocseg_kubeflow("submit", spec, *arguments) == 0
    monkeypatch.setenv(client.TOKEN_VARIABLE, TOKEN)
    assert vocseg_kubeflow("list", "--host", server.url) == 0
    assert vocseg_kubeflow("status", "run-1", "--host", server.url) == 0
    printed = capsys.readouterr()
    assert "(the token)" in printed.out
    assert TOKEN not in printed.out + printed.err


@pytest.mark.parametrize(
    ("host", "is_readable"),
    [
        ("http://kfp.example:8080", True),
        ("http://192.0.2.7/pipeline", True),
        ("http://[2001:db8::1]", True),
        ("http://localhost.example", True),
        ("https://kfp.example", False),
        ("http://localhost:8080", False),
        ("http://127.0.0.3", False),
        ("http://[::1]:80", False),
    ],
)
def test_where_others_can_read_a_token(host: str, is_readable: bool) -> None:
    assert is_unencrypted(host) is is_readable


def test_a_token_that_others_can_read_is_a_warning(
    server: KFPServer, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(client, "is_unencrypted", lambda _: True)
    assert vocseg_kubeflow("list", "--host", server.url) == 0
    assert capsys.readouterr().err == ""  # without a token nothing is lost
    monkeypatch.setenv(client.TOKEN_VARIABLE, TOKEN)
    assert vocseg_kubeflow("list", "--host", server.url) == 0
    message = f"vocseg: {server.url} is not encrypted: everyone on the way can read the token; use https://\n"
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"SSH-2.0-\x1b]0;owned\x07\r\n", "no answer from"),  # BadStatusLine
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", "no answer from"),  # IncompleteRead
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "does not answer as the API does"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes", "does not answer as the API does"),
        (b"HTTP/1.1 500 \x1b[2J\r\nContent-Length: 0\r\n\r\n", "failed (500): \ufffd[2J"),
    ],
)
def test_answers_that_are_no_answers(server: KFPServer, capsys: Capture, answer: bytes, message: str) -> None:
    server.raw_answer = answer
    for arguments in (("list",), ("list", "--namespace", "team"), ("logs", "run-1")):
        assert vocseg_kubeflow(*arguments, "--host", server.url) == EXIT_FAILED
        error = capsys.readouterr().err
        assert message in error
        assert "\x1b" not in error
        assert len(error.splitlines()) == 1


def test_names_of_a_server_do_not_steer_the_terminal(server: KFPServer, spec: Path, capsys: Capture) -> None:
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--name", "x\x1b[2J\x07[bold]") == 0
    for command in (("list",), ("status", "run-1")):
        assert vocseg_kubeflow(*command, "--host", server.url) == 0
        printed = capsys.readouterr().out
        assert "[bold]" in printed
        assert not {"\x1b", "\x07"} & set(printed)


def test_a_missing_permission_is_reported(server: KFPServer, spec: Path, capsys: Capture) -> None:
    server.forbidden = server.multi_user = True
    assert vocseg_kubeflow("submit", spec, "--host", server.url, "--namespace", "team") == EXIT_FAILED
    error = capsys.readouterr().err
    assert "you lack the permission for this request in namespace team (403)" in error
    assert "no role binding" in error
    assert vocseg_kubeflow("list", "--host", server.url) == EXIT_FAILED
    assert "give --namespace" in capsys.readouterr().err


def test_requests_contain_the_namespace(server: KFPServer, spec: Path) -> None:
    server.multi_user = True
    arguments = ("--host", server.url, "--namespace", "team")
    assert vocseg_kubeflow("submit", spec, *arguments, "--experiment", "new") == 0
    assert vocseg_kubeflow("list", *arguments) == 0
    (new,) = [each for each in server.experiments.values() if each["display_name"] == "new"]
    assert new["namespace"] == "team"
    assert server.requests[-1][2]["namespace"] == "team"


@pytest.mark.parametrize("namespace", [(), ("--namespace", "team")])
def test_a_login_page_is_reported(server: KFPServer, spec: Path, capsys: Capture, namespace: tuple[str, ...]) -> None:
    server.login_page = True
    assert vocseg_kubeflow("submit", spec, "--host", server.url, *namespace) == EXIT_FAILED
    assert f"{server.url} answered with a web page instead of the API" in capsys.readouterr().err


@pytest.mark.parametrize("namespace", [(), ("--namespace", "team")])
def test_a_server_that_is_down_is_reported(spec: Path, capsys: Capture, namespace: tuple[str, ...]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{unused.getsockname()[1]}"
    assert vocseg_kubeflow("submit", spec, "--host", host, *namespace) == EXIT_FAILED
    error = capsys.readouterr().err
    assert error.startswith(f"vocseg: no answer from {host}: Connection refused. Check that the server runs")
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("namespace", [(), ("--namespace", "team")])
def test_a_server_that_never_answers_is_reported(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, namespace: tuple[str, ...]
) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        host = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert vocseg_kubeflow("list", "--host", host, *namespace) == EXIT_FAILED
        assert f"no answer from {host}: " in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "two words", "tökén"])
def test_a_file_without_a_valid_token_is_refused(
    server: KFPServer, tmp_path: Path, capsys: Capture, content: str
) -> None:
    (tmp_path / "token").write_text(content)
    assert vocseg_kubeflow("list", "--host", server.url, "--token-file", tmp_path / "token") == EXIT_USAGE
    assert "--token-file" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--token", "--tok"])
def test_a_token_cannot_be_an_argument(server: KFPServer, option: str) -> None:
    """Neither as an option of its own nor through an abbreviation of `--token-file`."""
    with pytest.raises(SystemExit):
        vocseg_kubeflow("list", "--host", server.url, option, TOKEN)
