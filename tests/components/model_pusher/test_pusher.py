"""Pusher's executor: a server never sees an incomplete version, and withdrawn models are not published again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from components.model_pusher.publishing import Condition, OutdatedComparisonError, publish, withdrawn_version_of
from components.model_pusher.rollback import rollback
from components.saved_model.model_digest import model_digest
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
