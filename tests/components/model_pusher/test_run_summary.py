"""`summary.json` never names a version that does not exist: after rollbacks and prunes, and kills in the middle."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from components.model_pusher.publishing import publish
from components.model_pusher.rollback import rollback
from components.model_pusher.run_summary import named_versions, versions_changed
from pipeline.cli import main
from tests.components.model_pusher.version_folders import version_names, write_model
from tests.faults.disk_kills import KilledError, killed_at

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """The output folder of a run that published version 3 of three."""
    output = tmp_path / "output"
    for version in "123":
        write_model(output / "serving" / version, version)
    summary = {
        "selected": "unet",
        "published": str(output / "serving/3"),
        "reason": "published: unet beats it",
        "withdrawn": None,
    }
    (output / "summary.json").write_text(json.dumps(summary))
    return output


def _named(output: Path) -> tuple[Any, Any]:
    summary = json.loads((output / "summary.json").read_text())
    assert summary["selected"] == "unet"
    return summary["published"], summary.get("withdrawn")


def test_a_withdrawn_version_is_named_where_it_is(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = output / "serving"
    monkeypatch.chdir(output.parent)
    assert main(["rollback", "output"]) == 0
    assert _named(output) == (None, str(Path("output/serving/withdrawn/3")))
    rollback(serving, "3")
    assert Path(_named(output)[0]).samefile(serving / "3")
    assert _named(output)[1] is None
    rollback(serving, "2")
    publish(write_model(output.parent / "model"), serving)
    assert _named(output) == (None, str(serving / "withdrawn/3"))


def test_another_version_leaves_the_summary_as_it_is(output: Path) -> None:
    before = (output / "summary.json").read_bytes()
    rollback(output / "serving", "3")
    publish(write_model(output.parent / "model"), output / "serving", keep_versions=3)
    assert "1" not in version_names(output / "serving")
    assert (output / "summary.json").read_bytes() == before


def test_a_removed_version_is_not_named(output: Path) -> None:
    publish(write_model(output.parent / "model"), output / "serving", keep_versions=1)
    assert _named(output) == (None, None)


@pytest.mark.parametrize("command", ["rollback", "restore", pytest.param("prune", marks=pytest.mark.slow)])
def test_a_kill_at_any_moment_leaves_no_missing_version(command: str, output: Path) -> None:
    serving, model, start = output / "serving", write_model(output.parent / "model"), output.with_name("start")
    if command == "restore":
        rollback(serving)
    shutil.copytree(output, start)
    commands: dict[str, Callable[[], object]] = {
        "rollback": lambda: rollback(serving),
        "restore": lambda: rollback(serving, "3"),
        "prune": lambda: publish(model, serving, keep_versions=1),
    }
    kills, finished = 0, False
    while not finished:
        kills += 1
        shutil.rmtree(output)
        shutil.copytree(start, output)
        with killed_at(kills):
            try:
                commands[command]()
                finished = True
            except KilledError:
                pass
        published, _ = _named(output)
        assert published is None or Path(published).is_dir()
        versions_changed(serving)  # as at the start of the next run
        published, withdrawn = _named(output)
        assert (published is not None) == ("3" in version_names(serving)) or published is withdrawn is None
        assert withdrawn is None or Path(withdrawn).is_dir()
    assert kills > 5


def test_a_summary_that_cannot_be_used_is_left_alone(output: Path) -> None:
    for content in ("{", "[]", '{"published": null}'):
        (output / "summary.json").write_text(content)
        rollback(output / "serving", "2")
        rollback(output / "serving", "3")
        assert (output / "summary.json").read_text() == content
    assert named_versions({"published": None}, output / "serving") == {"published": None}


def test_no_version_leaves_while_the_summary_cannot_be_read(output: Path) -> None:
    (output / "summary.json").rename(output / "kept.json")
    (output / "summary.json").mkdir()  # any error of the disk but a missing file
    with pytest.raises(IsADirectoryError):
        rollback(output / "serving", "2")
    assert version_names(output / "serving") == ["1", "2", "3"]
    (output / "summary.json").rmdir()
    (output / "kept.json").rename(output / "summary.json")
    rollback(output / "serving", "2")
    assert _named(output) == (None, str(output / "serving/withdrawn/3"))
