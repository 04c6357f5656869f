"""Runs the checks of the smoke test in the process of the test, where TensorFlow is already loaded."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from components.model_smoke_test import checks

if TYPE_CHECKING:
    import pytest


def run_checks_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the process of a smoke test until the end of the test; the results are the same."""

    def run(command: list[str], folder: str, _: float) -> str | None:
        assert command[:4] == [sys.executable, "-P", "-m", checks.__name__]
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", command[3:])
            patch.chdir(folder)
            return None if checks.main() == 0 else "the checks failed"

    monkeypatch.setattr("components.model_smoke_test.process.run_process", run)
