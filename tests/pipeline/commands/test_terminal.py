"""The wording of errors on the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.commands.terminal import error_message, local_path, place

OUTPUT = Path("/out")


def test_an_unexpected_error_is_called_so() -> None:
    assert error_message(ValueError("wrong"), (ValueError,), OUTPUT) == "wrong"
    assert error_message(KeyError("x"), (ValueError,), OUTPUT) == "unexpected KeyError: 'x'"


@pytest.mark.parametrize("expected", [(), (RuntimeError,)])
def test_a_full_disk_is_no_sql(expected: tuple[type[Exception], ...]) -> None:
    error = RuntimeError("Error when executing query: database or disk is full query:  INSERT INTO `Context` ...")
    message = error_message(error, expected, OUTPUT)
    assert message.startswith("/out/metadata.sqlite cannot be written to: No space left on device; free some space")
    assert "INSERT" not in message


def test_paths_of_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert place("~/x") == "/home/me/x"
    assert local_path("~/x") == Path("/home/me/x")
    for unchanged in ("s3://bucket/~", "voc_seg/", "-", "a/~", "photos/*.jpg"):
        assert place(unchanged) == unchanged
