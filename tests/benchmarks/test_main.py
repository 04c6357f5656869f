from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.measuring.options import Options
from benchmarks.measuring.results import read_results


def test_the_command_measures_in_new_processes_and_writes_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bench.json"
    arguments = ["--only", "start_up", "--quick", "--rounds", "2", "--json", str(file)]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    assert command.main() == 0
    results = read_results(file)
    assert [(row.name, len(row.rounds)) for row in results.rows] == [("start of `vocseg --help`", 2)]
    assert results.quick
    assert "| start of `vocseg --help` |" in capsys.readouterr().out


def test_a_benchmark_that_fails_is_named_and_the_others_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "BENCHMARKS", ("no_such_benchmark", "start_up"))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--rounds", "1", "--json", str(tmp_path / "bench.json")])
    assert command.main() == 1
    assert len(read_results(tmp_path / "bench.json").rows) == 1
    assert "not measured: no_such_benchmark ended with status 1: " in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["nowhere"], ["--rounds", "0"], ["--only", "nothing"]])
def test_wrong_arguments_are_refused(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2


def test_options_are_passed_on_to_the_processes() -> None:
    options = Options(Path("devkit"), Path("model"), quick=True, rounds=3)
    assert options.to_arguments() == ["devkit", "--model", "model", "--quick", "--rounds", "3"]
    assert Options().to_arguments() == []
    assert (options.rounds_of(5, 2), Options(quick=True).rounds_of(5, 2), Options().rounds_of(5, 2)) == (3, 2, 5)


def test_every_benchmark_has_rows_and_is_listed() -> None:
    folder = Path(command.__file__).parent
    with_rows = {
        file.stem
        for file in folder.glob("*.py")
        if any(isinstance(part, ast.FunctionDef) and part.name == "rows" for part in ast.parse(file.read_text()).body)
    }
    assert with_rows == set(command.BENCHMARKS)
    assert all(importlib.util.find_spec(f"benchmarks.{name}") for name in command.BENCHMARKS)
