"""Pusher: versions appear in one step, old versions are removed, withdrawn models are not published again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from etils import epath

from components.model_pusher import publishing
from components.model_pusher.publishing import publish, withdrawn_version_of
from components.model_pusher.rollback import rollback
from tests.components.model_pusher.version_folders import FILES, content, version_names, write_model

if TYPE_CHECKING:
    from collections.abc import Callable

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
            if os.path.isdir(folder):  # else the version was removed between the two calls, in one step
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
"""Polls as TensorFlow Serving does: every folder whose name is a number is a version and must be complete."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


@pytest.fixture
def push(tmp_path: Path, model: Path, make_artifact: Callable[..., Any]) -> Callable[..., Any]:
    """Runs Pusher's executor and returns its PushedModel artifact."""
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


def test_a_reader_never_sees_an_incomplete_version_during_fifty_pushes(
    push: Callable[..., Any], tmp_path: Path
) -> None:
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
    assert len({*pushed}) == 50  # although many were pushed within the same second
    assert pushed == sorted(pushed, key=int)
    assert version_names(serving) == pushed[-3:]
    assert {path.name for path in serving.iterdir()} == {*pushed[-3:]}


def test_no_new_version_exists_while_files_are_copied(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = tmp_path / "serving"
    publish(model, serving)
    path_class = type(epath.Path(serving))
    before, copied, real = version_names(serving), [], path_class.copy

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


def test_an_interrupted_push_leaves_no_version(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = tmp_path / "serving"
    first = publish(model, serving)
    with monkeypatch.context() as patch:
        patch.setattr(publishing, "flush", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            publish(model, serving)
    assert [path.name for path in serving.iterdir()] == [first.name]

    killed, in_progress, removed = (serving / name for name in (".incoming-1", ".incoming-2", ".removing-3-x"))
    for folder in (killed, in_progress, removed):
        write_model(folder)
    a_day_ago = time.time() - 100_000
    os.utime(killed, (a_day_ago, a_day_ago))
    second = publish(model, serving)
    assert {path.name for path in serving.iterdir()} == {first.name, second.name, in_progress.name}


def test_version_numbers_only_increase(model: Path, tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    far = int(time.time()) + 1000
    (serving / str(far)).mkdir(parents=True)  # incomplete: another process copies into it
    write_model(serving / "withdrawn" / str(far + 1))
    assert publish(model, serving).name == str(far + 2)
    assert abs(int(publish(model, tmp_path / "other").name) - time.time()) < 100


def test_the_newest_versions_are_kept(model: Path, tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    pushed = [publish(model, serving).name for _ in range(4)]
    assert version_names(serving) == pushed
    assert publish(model, serving, keep_versions=3).name == version_names(serving)[-1]
    assert version_names(serving)[:2] == pushed[-2:]
    newest = publish(model, serving, keep_versions=1).name
    assert version_names(serving) == [newest]


def test_a_model_that_is_not_blessed_is_not_pushed(push: Callable[..., Any], tmp_path: Path) -> None:
    pushed = push(blessed=False)
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


def test_the_pushed_model_names_its_version_and_destination(
    push: Callable[..., Any], model: Path, tmp_path: Path
) -> None:
    pushed = push()
    (version,) = version_names(tmp_path / "serving")
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_version") == version
    assert pushed.get_string_custom_property("pushed_destination") == str(tmp_path / "serving" / version)
    assert content(Path(pushed.uri)) == content(tmp_path / "serving" / version) == content(model)


def test_a_withdrawn_model_is_not_pushed_again(push: Callable[..., Any], model: Path, tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    earlier = publish(write_model(tmp_path / "earlier", "b"), serving).name
    bad = push().get_string_custom_property("pushed_version")
    rollback(serving)
    (model / "assets.extra/model_card.md").write_text("another evaluation, the same model")
    pushed = push()
    assert pushed.get_int_custom_property("pushed") == 0
    reason = pushed.get_string_custom_property("not_pushed_reason")
    assert f"took this same model out of service as version {bad}" in reason
    assert version_names(serving) == [earlier]
    assert withdrawn_version_of(tmp_path / "earlier", serving) is None

    (model / "variables/variables.index").write_text("another training")
    assert push().get_int_custom_property("pushed") == 1
