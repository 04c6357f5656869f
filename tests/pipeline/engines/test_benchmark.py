"""`vocseg benchmark` measures the SavedModel and each target, and says what it could not measure."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from pipeline.cli import main
from pipeline.commands.terminal import EXIT_USAGE
from pipeline.engines.benchmark import thread_counts

if TYPE_CHECKING:
    from pathlib import Path

TARGET = "serving/7/assets.extra/targets/litert"


@pytest.mark.parametrize(
    ("folder", "targets"),
    [(TARGET, ["litert"]), pytest.param("", ["saved_model", "litert"], marks=pytest.mark.slow)],
)
def test_the_table_has_all_targets_threads_and_batches(
    folder: str, targets: list[str], run_with_target: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark", str(run_with_target / folder), "--seconds", "0.01"]) == 0
    lines = [line.replace("│", " ").split() for line in capfd.readouterr().out.splitlines()]
    rows = [line for line in lines if line and line[0] in ("saved_model", "litert")]
    found = [(target, int(threads), int(batch)) for target, _, threads, batch, *_ in rows]
    assert found == [(target, threads, batch) for target in targets for threads in thread_counts() for batch in (1, 8)]
    assert all(float(row[4]) > 0 for row in rows)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "3601", "long"])
def test_an_impossible_time_is_refused(seconds: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["benchmark", "model", f"--seconds={seconds}"])
    assert stop.value.code == EXIT_USAGE
    assert "argument --seconds: " in capfd.readouterr().err


def test_what_cannot_be_measured_is_reported(
    run_with_target: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert main(["benchmark", str(tmp_path)]) == 2
    assert "holds no model" in capfd.readouterr().err
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert main(["benchmark", str(run_with_target / TARGET)]) == 1
    assert (
        "litert was not measured: the engine litert needs ai-edge-litert and simplejpeg: pip install"
        in capfd.readouterr().err
    )
