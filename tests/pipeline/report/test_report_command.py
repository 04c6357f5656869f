"""`vocseg report`: the written page and the errors."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from ml_metadata import errors
from ml_metadata.metadata_store import MetadataStore

from pipeline import cli
from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE
from pipeline.report.page import write_report
from tests.pipeline.made_run import MadeRun, write_whole_run
from tests.pipeline.report.html_page import Page

if TYPE_CHECKING:
    from pathlib import Path


def test_the_command_works_in_a_moved_folder(output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(output, moved)
    hidden = output.with_name("hidden")
    output.rename(hidden)  # the URIs in ML Metadata do not exist any more
    try:
        assert cli.main(["report", str(moved)]) == 0
    finally:
        hidden.rename(output)
    page = moved / "report" / "index.html"
    assert capsys.readouterr().out.strip() == str(page)
    assert len(Page(page.read_text()).images) == 44  # four of them of the doubtful mask
    assert [path.name for path in page.parent.iterdir()] == ["index.html"]


def test_it_is_written_completely_or_not_at_all(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = write_report(output)
    before = page.read_text()
    monkeypatch.setattr("pipeline.report.page.make_page", lambda _contents: "\ud800")  # cannot be encoded
    with pytest.raises(UnicodeEncodeError):
        write_report(output)
    assert page.read_text() == before


def test_a_damaged_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_whole_run(tmp_path)
    (file,) = tmp_path.glob("tfx/ModelSelector/blessing/*/selection.json")
    file.write_text("{")
    assert cli.main(["report", str(tmp_path)]) == EXIT_FAILED
    assert f"the report cannot be written: {file} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["report", "lineage"])
def test_an_error_of_the_database_comes_with_its_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def fail(*_: Any, **__: Any) -> NoReturn:
        raise errors.InternalError("Error when executing query: disk I/O error query: SELECT")

    write_whole_run(tmp_path)
    monkeypatch.setattr(MetadataStore, "get_executions_by_context", fail)
    monkeypatch.setattr(MetadataStore, "get_artifacts_by_type", fail)
    assert cli.main([command, str(tmp_path)]) == EXIT_FAILED
    assert "vocseg: the disk or the network storage reports an error; check it" in capsys.readouterr().err


def test_the_command_names_the_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(tmp_path / "none")]) == EXIT_USAGE
    assert "none is not a folder" in capsys.readouterr().err
    MadeRun(tmp_path)
    assert cli.main(["report", str(tmp_path)]) == EXIT_USAGE
    assert "no finished run" in capsys.readouterr().err
