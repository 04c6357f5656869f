"""Rollback: which version is in service before, during and after it, and the command."""

from __future__ import annotations

import errno
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from etils import epath

from components.model_pusher.rollback import Rollback, RollbackError, rollback
from components.saved_model.serving_folder import latest_version, serving_state
from tests.components.model_pusher.version_folders import content, version_names, write_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def serving(tmp_path: Path) -> Path:
    """A serving folder with the versions 1 to 4, each with different content."""
    for version in "1234":
        write_model(tmp_path / "serving" / version, version)
    return tmp_path / "serving"


def test_a_rollback_changes_no_file_and_can_be_undone(serving: Path) -> None:
    before, state = content(serving), serving_state(serving)
    assert rollback(serving) == Rollback("3", ("4",), restored=False)
    assert version_names(serving) == ["1", "2", "3"]
    assert serving_state(serving) != state
    assert rollback(serving) == Rollback("2", ("3",), restored=False)
    assert rollback(serving, "3") == Rollback("3", (), restored=True)
    assert rollback(serving, "4") == Rollback("4", (), restored=True)
    after = content(serving)
    assert after.pop(".lock")
    assert after == before
    assert serving_state(serving) == state


def test_a_linked_version_can_be_withdrawn_and_restored(serving: Path) -> None:
    (serving / "4").rename(serving.parent / "elsewhere")
    (serving / "4").symlink_to("../elsewhere")
    assert rollback(serving) == Rollback("3", ("4",), restored=False)
    assert rollback(serving, "4") == Rollback("4", (), restored=True)
    assert (serving / "4/saved_model.pb").read_bytes() == (serving.parent / "elsewhere/saved_model.pb").read_bytes()
    assert list((serving / "withdrawn").iterdir()) == []


def test_a_rollback_to_any_version(serving: Path) -> None:
    assert rollback(serving, "1") == Rollback("1", ("2", "3", "4"), restored=False)
    assert rollback(serving, "3") == Rollback("3", (), restored=True)
    assert version_names(serving) == ["1", "3"]
    assert rollback(serving, "2") == Rollback("2", ("3",), restored=True)
    assert rollback(serving, "2") == Rollback("2", (), restored=False)
    assert rollback(serving, "4") == Rollback("4", (), restored=True)
    assert version_names(serving) == ["1", "2", "4"]


@pytest.mark.parametrize(("withdrawn", "to"), [((), "1"), ((), "2"), (("2",), "2"), (("3", "4"), "3")])
def test_during_a_rollback_only_the_old_or_the_new_version_is_served(
    withdrawn: tuple[str, ...], to: str, serving: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (serving / "withdrawn").mkdir()
    for version in withdrawn:
        (serving / version).rename(serving / "withdrawn" / version)
    served = [latest_version(serving).name]  # type: ignore[union-attr]
    path_class = type(epath.Path(serving))
    real = path_class.rename

    def watched_rename(path: Any, target: Any) -> Any:
        done = real(path, target)
        served.append(latest_version(serving).name)  # type: ignore[union-attr]
        return done

    monkeypatch.setattr(path_class, "rename", watched_rename)
    first = served[0]
    rollback(serving, to)
    assert len(served) > 1
    assert served == sorted(served, key=[first, to].index)


@pytest.mark.parametrize(
    ("present", "withdrawn", "to", "message"),
    [
        ("", "", None, "no version is in service in {serving}"),
        (
            "",
            "3",
            None,
            "no version is in service in {serving}; to restore a withdrawn version, use --to with one of 3",
        ),
        ("1", "", None, "version 1 is the only one in {serving}, so there is no earlier version"),
        ("12", "", "7", "version 7 does not exist in {serving} (in service: 1, 2; withdrawn: none)"),
        ("12", "3", "../2", "version ../2 does not exist in {serving} (in service: 1, 2; withdrawn: 3)"),
    ],
)
def test_an_impossible_rollback_is_refused(
    present: str, withdrawn: str, to: str | None, message: str, tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    for version in present:
        write_model(serving / version)
    for version in withdrawn:
        write_model(serving / "withdrawn" / version)
    with pytest.raises(RollbackError) as refusal:
        rollback(serving, to)
    assert str(refusal.value) == message.format(serving=serving)
    assert version_names(serving) == [*present]


def test_the_command_rolls_back_and_restores(serving: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline import cli
    from pipeline.commands.terminal import EXIT_USAGE

    output = serving.parent
    assert cli.main(["rollback", str(output)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"version 4 is out of service; it was moved to {serving}/withdrawn/4",
        "version 3 is in service",
        f"`vocseg rollback {output} --to 4` undoes this",
    ]
    assert cli.main(["rollback", str(output), "--to", "4"]) == 0
    assert capsys.readouterr().out == "version 4 is in service again\n"
    assert cli.main(["rollback", str(output), "--to", "4"]) == 0
    assert capsys.readouterr().out == "version 4 is already in service; nothing was changed\n"
    assert cli.main(["rollback", str(output), "--to", "9"]) == EXIT_USAGE
    assert "vocseg: version 9 does not exist" in capsys.readouterr().err
    assert cli.main(["rollback", str(output / "elsewhere")]) == EXIT_USAGE
    assert "is not the output of a run that published" in capsys.readouterr().err


def test_the_command_does_not_import_tensorflow_or_tfx(serving: Path) -> None:
    program = (
        "import sys\nfrom pipeline import cli\n"
        f"status = cli.main(['rollback', {str(serving.parent)!r}])\n"
        "heavy = {'tensorflow', 'tfx', 'keras', 'apache_beam', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else status)\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_a_disk_error_is_a_sentence_with_a_cure(
    serving: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline import cli

    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("components.model_pusher.rollback.rollback", fail)
    assert cli.main(["rollback", str(serving.parent)]) == 1
    assert capsys.readouterr().err == (
        f"vocseg: {serving} cannot be written to: Read-only file system; "
        "make the folder writable, or choose another one\n"
    )
