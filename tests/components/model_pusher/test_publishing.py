"""Publishing: versions that are complete or absent at every instant, the last N, and the way back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.model_pusher import publishing
from components.model_pusher.publishing import publish, withdrawn_twin
from components.model_pusher.rollback import Rollback, RollbackError, rollback
from components.saved_model.serving_folder import latest_version, serving_state, versions

FILES = {
    "saved_model.pb": 20_000,
    "fingerprint.pb": 10,
    "variables/variables.index": 500,
    "variables/variables.data-00000-of-00001": 200_000,
    "assets/segmentation.json": 300,
    "assets.extra/model_card.md": 100,
}
"""What is in a SavedModel → bytes; what the bytes say does not matter to a folder."""

READER = """
import json, os, sys
serving, files, stop = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
polls, seen, partial = 0, set(), []
while True:
    last = os.path.exists(stop)
    for version in sorted((name for name in os.listdir(serving) if name.isdigit()), key=int):
        folder = os.path.join(serving, version)
        try:
            found = {name: os.path.getsize(os.path.join(folder, name)) for name in files}
        except FileNotFoundError as missing:
            if os.path.isdir(folder):  # else it was removed, whole, in between
                partial.append(str(missing))
            continue
        seen.add(version)
        if found != files:
            partial.append(f"{version}: {found}")
    polls += 1
    if last:
        break
print(json.dumps({"polls": polls, "seen": sorted(seen, key=int), "partial": partial}))
"""
"""Polls as TensorFlow Serving does: every folder with a number for a name is a version, and must be whole."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


def write_model(folder: Path, letter: str = "a") -> Path:
    for name, size in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(letter * size)
    return folder


def names(folder: Path) -> list[str]:
    return [path.name for path in versions(folder)]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def push(tmp_path: Path, model: Path, make_artifact: Callable[..., Any]) -> Callable[..., Any]:
    """Runs the Pusher's executor; gives its output artifact."""
    from tfx import types
    from tfx.types import standard_artifacts
    from tfx.utils import path_utils

    from components.model_pusher import executor
    from components.model_pusher.component import Pusher

    runs = []

    def run(*, blessed: bool = True, keep_versions: int | None = None) -> Any:
        runs.append(run)
        component = Pusher(
            types.Channel(type=standard_artifacts.Model),
            types.Channel(type=standard_artifacts.ModelBlessing),
            str(tmp_path / "serving"),
            keep_versions=keep_versions,
        )
        assert component.id == "Pusher"
        artifact = make_artifact("Model", tmp_path / "artifact")
        Path(artifact.uri).mkdir(exist_ok=True)
        served = Path(path_utils.serving_model_dir(artifact.uri))
        if not served.exists():
            served.symlink_to(model)
        blessing = make_artifact("ModelBlessing", tmp_path / "blessing")
        blessing.set_int_custom_property("blessed", int(blessed))
        pushed = make_artifact("PushedModel", tmp_path / f"pushed{len(runs)}")
        inputs = {"model": [artifact], "model_blessing": [blessing]}
        executor.Executor().Do(inputs, {"pushed_model": [pushed]}, component.exec_properties)
        return pushed

    return run


def test_a_reader_never_sees_a_partial_version_while_fifty_are_pushed(push: Callable[..., Any], tmp_path: Path) -> None:
    serving, stop = tmp_path / "serving", tmp_path / "stop"
    serving.mkdir()
    command = [sys.executable, "-c", READER, str(serving), json.dumps(FILES), str(stop)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        pushed = [push(keep_versions=3).get_string_custom_property("pushed_version") for _ in range(50)]
        stop.touch()
        saw = json.loads(reader.communicate(timeout=60)[0])
    assert saw["partial"] == []
    assert saw["polls"] > 50
    assert {*saw["seen"]} >= {*pushed[-3:]}
    assert len({*pushed}) == 50  # also those of one and the same second
    assert pushed == sorted(pushed, key=int)
    assert names(serving) == pushed[-3:]
    assert {path.name for path in serving.iterdir()} == {*pushed[-3:]}


def test_between_any_two_files_no_new_version_is_there(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = tmp_path / "serving"
    publish(model, serving)
    path_class = type(publishing.epath.Path(serving))
    before, copied, real = names(serving), [], path_class.copy

    def watched_copy(path: Any, target: Any, *arguments: Any) -> Any:
        copied.append(str(target))
        assert [path.name for path in serving.iterdir() if path.name.isdigit()] == before
        done = real(path, target, *arguments)
        assert [path.name for path in serving.iterdir() if path.name.isdigit()] == before
        return done

    monkeypatch.setattr(path_class, "copy", watched_copy)
    version = publish(model, serving)
    assert len(copied) == len(FILES)
    assert content(Path(version)) == content(model)


def test_what_a_push_is_killed_in_leaves_nothing_that_is_served(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = tmp_path / "serving"
    first = publish(model, serving)
    with monkeypatch.context() as patch:
        patch.setattr(publishing, "flush", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            publish(model, serving)
    assert [path.name for path in serving.iterdir()] == [first.name]

    killed, under_way, removed = (serving / name for name in (".incoming-1", ".incoming-2", ".removing-3-x"))
    for folder in (killed, under_way, removed):
        write_model(folder)
    a_day_ago = time.time() - 100_000
    os.utime(killed, (a_day_ago, a_day_ago))
    second = publish(model, serving)
    assert {path.name for path in serving.iterdir()} == {first.name, second.name, under_way.name}


def test_version_numbers_only_grow(model: Path, tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    far = int(time.time()) + 1000
    (serving / str(far)).mkdir(parents=True)  # not whole: somebody copies into it
    write_model(serving / "withdrawn" / str(far + 1))
    assert publish(model, serving).name == str(far + 2)
    assert abs(int(publish(model, tmp_path / "other").name) - time.time()) < 100


def test_the_last_ones_are_kept_and_always_the_one_in_service(model: Path, tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    pushed = [publish(model, serving).name for _ in range(4)]
    assert names(serving) == pushed
    assert publish(model, serving, keep_versions=3).name == names(serving)[-1]
    assert names(serving)[:2] == pushed[-2:]
    newest = publish(model, serving, keep_versions=1).name
    assert names(serving) == [newest]


def test_a_model_that_is_not_blessed_is_not_pushed(push: Callable[..., Any], tmp_path: Path) -> None:
    pushed = push(blessed=False)
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


def test_the_pushed_model_says_where_it_went(push: Callable[..., Any], model: Path, tmp_path: Path) -> None:
    pushed = push()
    (version,) = names(tmp_path / "serving")
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_version") == version
    assert pushed.get_string_custom_property("pushed_destination") == str(tmp_path / "serving" / version)
    assert content(Path(pushed.uri)) == content(tmp_path / "serving" / version) == content(model)


def test_a_model_that_was_taken_out_of_service_is_not_pushed_again(
    push: Callable[..., Any], model: Path, tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    earlier = publish(write_model(tmp_path / "earlier", "b"), serving).name
    bad = push().get_string_custom_property("pushed_version")
    rollback(serving)
    (model / "assets.extra/model_card.md").write_text("another evaluation, the same model")
    pushed = push()
    assert pushed.get_int_custom_property("pushed") == 0
    reason = pushed.get_string_custom_property("not_pushed_reason")
    assert f"took this very model out of service as version {bad}" in reason
    assert names(serving) == [earlier]
    assert withdrawn_twin(tmp_path / "earlier", serving) is None

    (model / "variables/variables.index").write_text("trained anew")
    assert push().get_int_custom_property("pushed") == 1


@pytest.fixture
def serving(tmp_path: Path) -> Path:
    """Versions 1 to 4, each another model."""
    for version in "1234":
        write_model(tmp_path / "serving" / version, version)
    return tmp_path / "serving"


def test_a_rollback_is_whole_and_can_be_undone(serving: Path) -> None:
    before, state = content(serving), serving_state(serving)
    assert rollback(serving) == Rollback("3", ("4",), restored=False)
    assert names(serving) == ["1", "2", "3"]
    assert serving_state(serving) != state
    assert rollback(serving) == Rollback("2", ("3",), restored=False)
    assert rollback(serving, "3") == Rollback("3", (), restored=True)
    assert rollback(serving, "4") == Rollback("4", (), restored=True)
    assert content(serving) == before
    assert serving_state(serving) == state


def test_a_rollback_to_any_version(serving: Path) -> None:
    assert rollback(serving, "1") == Rollback("1", ("2", "3", "4"), restored=False)
    assert rollback(serving, "3") == Rollback("3", (), restored=True)
    assert names(serving) == ["1", "3"]
    assert rollback(serving, "2") == Rollback("2", ("3",), restored=True)
    assert rollback(serving, "2") == Rollback("2", (), restored=False)
    assert rollback(serving, "4") == Rollback("4", (), restored=True)
    assert names(serving) == ["1", "2", "4"]


@pytest.mark.parametrize(("withdrawn", "to"), [((), "1"), ((), "2"), (("2",), "2"), (("3", "4"), "3")])
def test_in_between_only_the_old_and_the_new_version_are_served(
    withdrawn: tuple[str, ...], to: str, serving: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (serving / "withdrawn").mkdir()
    for version in withdrawn:
        (serving / version).rename(serving / "withdrawn" / version)
    served = [latest_version(serving).name]  # type: ignore[union-attr]
    path_class = type(publishing.epath.Path(serving))
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
        ("", "3", None, "no version is in service in {serving}; withdrawn are 3, which --to VERSION puts back"),
        ("1", "", None, "version 1 is the only one in {serving}: there is nothing to go back to"),
        ("12", "", "7", "there is no version 7 in {serving}; there are 1, 2"),
        ("12", "3", "../2", "there is no version ../2 in {serving}; there are 1, 2; withdrawn are 3"),
    ],
)
def test_a_rollback_that_can_not_be(present: str, withdrawn: str, to: str | None, message: str, tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    for version in present:
        write_model(serving / version)
    for version in withdrawn:
        write_model(serving / "withdrawn" / version)
    with pytest.raises(RollbackError) as refusal:
        rollback(serving, to)
    assert str(refusal.value) == message.format(serving=serving)
    assert names(serving) == [*present]


def test_the_command(serving: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    assert "vocseg: there is no version 9" in capsys.readouterr().err
    assert cli.main(["rollback", str(output / "elsewhere")]) == EXIT_USAGE
    assert "is not the output of a run that published" in capsys.readouterr().err


def test_the_command_imports_nothing_heavy(serving: Path) -> None:
    program = (
        "import sys\nfrom pipeline import cli\n"
        f"status = cli.main(['rollback', {str(serving.parent)!r}])\n"
        "heavy = {'tensorflow', 'tfx', 'keras', 'apache_beam', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else status)\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
