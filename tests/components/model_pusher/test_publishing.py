"""Pusher: versions appear in one step, old versions are removed, withdrawn models are not published again."""

from __future__ import annotations

import contextlib
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
from components.model_pusher.publishing import Condition, OutdatedComparisonError, publish, withdrawn_version_of
from components.model_pusher.rollback import rollback
from components.saved_model.model_digest import ModelFilesError, model_digest
from components.saved_model.serving_folder import latest_version
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

    def run(*, blessed: bool = True, keep_versions: int | None = None, compared_with: str | None = None) -> Any:
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
        blessing.set_string_custom_property("model_digest", model_digest(model))
        latest = latest_version(tmp_path / "serving")
        in_service = (model_digest(latest) if latest else "") if compared_with is None else compared_with
        blessing.set_string_custom_property("compared_with", in_service)
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
    assert {path.name for path in serving.iterdir()} == {".lock", *pushed[-3:]}


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
    assert {path.name for path in serving.iterdir()} == {".lock", first.name}

    killed, in_progress, removed = (serving / name for name in (".incoming-1", ".incoming-2", ".removing-3-x"))
    for folder in (killed, in_progress, removed):
        write_model(folder)
    a_day_ago = time.time() - 100_000
    os.utime(killed, (a_day_ago, a_day_ago))
    second = publish(model, serving)
    assert {path.name for path in serving.iterdir()} == {".lock", first.name, second.name, in_progress.name}


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
    published, recorded = content(tmp_path / "serving" / version), content(Path(pushed.uri))
    assert json.loads(published.pop("assets.extra/publication.json"))["pushed_model"] == pushed.uri
    assert recorded.pop("manifest.json")
    assert published == recorded == content(model)


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


def test_a_model_compared_with_another_one_is_not_pushed(push: Callable[..., Any], model: Path, tmp_path: Path) -> None:
    """Two runs that both beat the same version: the second one must be compared with the first."""
    serving = tmp_path / "serving"
    publish(write_model(tmp_path / "other", "b"), serving)
    pushed = push(compared_with="")
    assert pushed.get_int_custom_property("pushed") == 0
    assert pushed.get_int_custom_property("outdated") == 1
    (version,) = version_names(serving)
    reason = pushed.get_string_custom_property("not_pushed_reason")
    assert reason == f"the model in service has changed since the comparison: version {version} is in service now"
    with pytest.raises(OutdatedComparisonError):
        publish(model, serving, condition=Condition(model_digest(model), "an older one"))
    publish(model, serving, condition=Condition(model_digest(model), model_digest(serving / version)))


def test_a_model_that_changed_after_its_smoke_test_is_not_published(model: Path, tmp_path: Path) -> None:
    condition = Condition(model_digest(model), "")
    (model / "variables/variables.data-00000-of-00001").write_bytes(b"a" * 100)
    with pytest.raises(ModelFilesError, match="has changed since its smoke test"):
        publish(model, tmp_path / "serving", condition=condition)
    assert [path.name for path in (tmp_path / "serving").iterdir()] == [".lock"]


def test_links_are_not_published_and_a_linked_version_can_be_removed(model: Path, tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    serving.mkdir()
    (serving / "1").symlink_to(write_model(tmp_path / "elsewhere"))
    kept = [publish(model, serving, keep_versions=1).name for _ in range(2)][-1]
    assert version_names(serving) == [kept]
    assert (tmp_path / "elsewhere/saved_model.pb").exists()
    (model / "assets/notes.txt").symlink_to("/etc/hostname")
    with pytest.raises(ModelFilesError, match=r"assets/notes.txt is a symbolic link; replace it by the file itself"):
        publish(model, serving)


@pytest.mark.parametrize("name", [str(2**63), "9" * 200])
def test_numbers_that_tensorflow_serving_cannot_read_are_no_versions(name: str, model: Path, tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    write_model(serving / name)
    assert abs(int(publish(model, serving).name) - time.time()) < 100


def test_no_version_above_the_highest_number_is_published(model: Path, tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    write_model(serving / str(2**63 - 1))
    write_model(serving / "1")
    for folder in ("serving", "serving/withdrawn"):
        problem = (
            f"{folder}/9223372036854775807 is a version, and no higher number exists; rename or remove that folder"
        )
        with pytest.raises(ModelFilesError, match=problem):
            publish(model, serving)
        rollback(serving, "1")


@pytest.mark.parametrize("target", ["..", "/nowhere"])
def test_a_version_in_service_with_a_link_inside_is_named(target: str, model: Path, tmp_path: Path) -> None:
    link = publish(model, tmp_path / "serving") / "assets/link"
    Path(link).symlink_to(target)
    with pytest.raises(ModelFilesError, match=f"{link} is a symbolic link; replace it by the file itself"):
        publish(model, tmp_path / "serving", condition=Condition(model_digest(model), "digest"))


PUBLISHER = """
import sys
from components.model_pusher.publishing import publish
model, serving = sys.argv[1:]
for _ in range(10):
    print(publish(model, serving, keep_versions=2).name)
"""


def test_three_processes_publish_at_once(model: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PUBLISHER, str(model), str(tmp_path / "serving")]
    with contextlib.ExitStack() as stack:
        publishers = [
            stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) for _ in range(3)
        ]
        printed = [publisher.communicate(timeout=120)[0].split() for publisher in publishers]
    assert [publisher.returncode for publisher in publishers] == [0, 0, 0]
    numbers = [number for lines in printed for number in lines]
    assert len({*numbers}) == 30
    assert version_names(tmp_path / "serving") == sorted(numbers, key=int)[-2:]
