"""The section `tracking`: which URIs are accepted, and that a login in one is never shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pipeline import cli
from pipeline.config.loading import load_config
from pipeline.config.problems import ConfigError
from pipeline.config.tracking import TrackingConfig

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "pa/s@s"
URI = f"http://wilhelmina:{SECRET.replace('/', '%2F')}@tracking.example:5000"


def refused(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config("demo", overrides=overrides)
    return str(caught.value)


def test_nothing_is_logged_by_default() -> None:
    tracking = load_config("demo").tracking
    assert (tracking.mlflow, tracking.shown_uri, tracking.login, tracking.missing_package) == (None, "", None, None)


@pytest.mark.parametrize(
    ("uri", "shown", "login"),
    [
        ("http://localhost:5000", "http://localhost:5000", None),
        ("https://mlflow.example/team/", "https://mlflow.example/team", None),
        ("https://ann:a%40b@mlflow.example", "https://mlflow.example", ("ann", "a@b")),
        ("sqlite:////data/mlflow.db", "sqlite:////data/mlflow.db", None),
    ],
)
def test_uris_are_accepted(uri: str, shown: str, login: tuple[str, str] | None) -> None:
    tracking = TrackingConfig(mlflow=uri)
    assert (tracking.shown_uri, tracking.login) == (shown, login)


def test_a_database_lies_in_the_current_folder_or_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ann")
    relative, at_home = (TrackingConfig(mlflow=f"sqlite:///{name}") for name in ("x.db", "~/x.db"))
    assert relative.mlflow == f"sqlite:///{tmp_path}/x.db"
    assert relative.artifact_folder == (tmp_path / "mlruns").as_uri()
    assert at_home.mlflow == "sqlite:////home/ann/x.db"


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("localhost:5000", "the URI is not one that can be logged to; allowed are http://HOST:PORT"),
        ("mlruns", "the URI is not one"),
        ("databricks", "the URI is not one"),
        ("postgresql://ann:pa@db/mlflow", "the URI is not one"),
        ("sqlite:///", "the URI is not one"),
        ("http://", "the URI is not one"),
        ("http://host:port", "the URI is invalid"),
        ("http://[::1", "the URI is invalid"),
        ("http://host?token=abc", "the URI has a query"),
        ("http://token@host", "a login in the URI is user:password@"),
        ("http://:pa@host", "a login in the URI is user:password@"),
    ],
)
def test_other_uris_are_refused_without_repeating_them(uri: str, problem: str) -> None:
    message = refused(f"tracking.mlflow={uri}")
    assert message.startswith(f"tracking.mlflow: {problem}")
    assert not any(secret in message for secret in ("pa@", "abc", "token@"))


def test_the_login_is_in_no_text_about_the_configuration() -> None:
    config = load_config("demo", overrides=[f"tracking.mlflow={URI}"])
    assert config.tracking.login == ("wilhelmina", SECRET)
    shown = config.model_dump_json()
    assert '"mlflow":"http://tracking.example:5000"' in shown
    texts = [shown, str(config.model_dump()), repr(config), str(config)]
    assert not any(word in text for text in texts for word in (SECRET, "pa%2Fs", "wilhelmina"))


@pytest.mark.parametrize(
    "override",
    [
        f"tracking=http://ann:{SECRET}@tracking.example",
        f"tracking.mlflow=[http://ann:{SECRET}@tracking.example]",
        f"tracking.mlflow.uri=http://ann:{SECRET}@tracking.example",
        f"tracking.uri=http://ann:{SECRET}@tracking.example",
        f"tracking.mlflow='http://ann:{SECRET}@tracking.example",
        f"http://ann:{SECRET}@tracking.example",
    ],
)
def test_the_login_is_in_no_error_of_the_configuration(override: str, tmp_path: Path) -> None:
    assert SECRET not in refused(override)
    preset = tmp_path / "mine.yaml"
    preset.write_text(f"name: mine\ntracking: {{mlflow: http://ann:{SECRET}@tracking.example: x}}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(str(preset))
    assert SECRET not in str(caught.value)


def test_the_login_is_in_no_error_of_the_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["run", f"tracking.mlflow={URI}"])
    printed = capsys.readouterr().err
    assert "unrecognized arguments: tracking.mlflow=http://tracking.example:5000" in printed


@pytest.mark.parametrize(
    ("uri", "package"), [("http://localhost:5000", "'voc-seg[tracking]'"), ("sqlite:///x.db", "mlflow")]
)
def test_a_missing_package_is_said_before_the_run(
    uri: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert cli.main(["run", "--output", str(tmp_path / "run"), "--set", f"tracking.mlflow={uri}"]) == 2
    expected = f"vocseg: tracking.mlflow: MLflow's client is not installed: pip install {package}\n"
    assert capsys.readouterr().err == expected
    assert not (tmp_path / "run").exists()


def test_an_experiment_does_not_accept_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["experiment", "transfer", "--output", str(tmp_path / "run"), "--set", f"tracking.mlflow={URI}"]
    assert cli.main(arguments) == 2
    expected = "vocseg: tracking.mlflow: only `vocseg run` logs to MLflow; add --set tracking.mlflow=null\n"
    assert capsys.readouterr().err == expected
    assert load_config("demo", overrides=[f"tracking.mlflow={URI}", "tracking.mlflow=null"]).tracking.mlflow is None


def test_the_installed_client_has_what_is_used() -> None:
    assert TrackingConfig(mlflow="http://localhost:5000").missing_package is None
    assert TrackingConfig(mlflow="sqlite:///x.db").missing_package is None
