"""`make` selects a Python for which the locked packages have wheels, and says which one it needs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Protocol

import pytest

MAKEFILE = Path(__file__).parents[1] / "Makefile"

GETCONF = '#!/bin/sh\necho "glibc $GLIBC"\n'

UV = '#!/bin/sh\nmkdir -p .venv\necho "$1 with $UV_PYTHON"\nexit $STATUS\n'
"""Stands in for uv: prints its command and the requested Python."""


class Make(Protocol):
    """Runs `make env` and returns its exit status and what it prints below the command that it runs."""

    def __call__(self, glibc: str, status: int = 0, **environment: str) -> tuple[int, str]: ...


@pytest.fixture
def make(tmp_path: Path) -> Make:
    for name in ("pyproject.toml", "uv.lock", "setup.py"):
        (tmp_path / name).touch()
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in {"getconf": GETCONF, "uv": UV}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    # `make test` hands its own choices to its children.
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("UV_", "MAKE", "MFLAGS"))}

    def run(glibc: str, status: int = 0, **environment: str) -> tuple[int, str]:
        paths = {"PATH": f"{programs}:{os.environ['PATH']}", "GLIBC": glibc, "STATUS": str(status)}
        finished = subprocess.run(
            ["make", "--silent", "--file", MAKEFILE, "env", "GPU="],
            cwd=tmp_path, env=inherited | paths | environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return finished.returncode, finished.stdout.partition("\n")[2].strip()

    return run


@pytest.mark.parametrize("glibc", ["2.9", "2.36", "2.38"])
def test_an_old_glibc_needs_python_3_11(glibc: str, make: Make) -> None:
    assert make(glibc) == (0, "sync with 3.11")


@pytest.mark.parametrize("glibc", ["2.39", "2.41", "3.0", ""])
def test_elsewhere_uv_selects_any_supported_python(glibc: str, make: Make) -> None:
    assert make(glibc) == (0, "sync with")


def test_the_choice_of_the_user_is_used_and_a_new_choice_is_noticed(make: Make) -> None:
    assert make("2.41", UV_PYTHON="3.12") == (0, "sync with 3.12")
    assert make("2.41", UV_PYTHON="3.12") == (0, "")
    assert make("2.41", UV_PYTHON="/opt/bin/python3.13") == (0, "sync with /opt/bin/python3.13")
    assert make("2.36", UV_PYTHON="3.13") == (0, "sync with 3.13")


def test_a_failure_names_the_pythons_that_work(make: Make) -> None:
    status, output = make("2.36", status=1)
    assert status == 2
    assert "with glibc 2.36, it needs Python 3.11, the headers of that Python" in output
    assert "with glibc 2.41, it needs Python 3.11, 3.12 or 3.13, the headers" in make("2.41", status=1)[1]
