"""Publishing to a folder: versions appear in one step, numbers only increase, old versions are removed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from etils import epath

from components.model_pusher import publishing
from components.model_pusher.publishing import Condition, OutdatedComparisonError, publish, withdrawn_version_of
from components.model_pusher.rollback import rollback
from components.saved_model.model_digest import ModelFilesError, model_digest
from tests.components.model_pusher.version_folders import FILES, content, version_names, write_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


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


def test_a_model_compared_with_another_one_is_not_published(model: Path, tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    compared = Condition(model_digest(model), model_digest(write_model(tmp_path / "other", "b")))
    with pytest.raises(OutdatedComparisonError) as outdated:
        publish(model, serving, condition=compared)
    assert str(outdated.value) == "the model in service has changed since the comparison: no version is in service now"
    version = publish(tmp_path / "other", serving)
    publish(model, serving, condition=compared)
    with pytest.raises(OutdatedComparisonError, match=r": version \d+ is in service now$"):
        publish(model, serving, condition=compared)
    assert version_names(serving)[0] == version.name
    assert len(version_names(serving)) == 2


def test_a_withdrawn_version_of_the_same_model_is_found(model: Path, tmp_path: Path) -> None:
    serving, other = tmp_path / "serving", write_model(tmp_path / "other", "b")
    assert withdrawn_version_of(model, serving) is None
    publish(other, serving)
    names = [publish(model, serving).name for _ in range(2)]
    assert withdrawn_version_of(model, serving) is None
    for _ in names:
        rollback(serving)
    assert withdrawn_version_of(model, serving) == names[-1]
    assert withdrawn_version_of(other, serving) is None


def test_the_publication_is_in_place_with_the_version(model: Path, tmp_path: Path) -> None:
    version = publish(model, tmp_path / "new/serving", publication={"pushed_model": "x", "run": 1})
    published = content(Path(version))
    assert published.pop("assets.extra/publication.json") == b'{\n  "pushed_model": "x",\n  "run": 1\n}'
    assert published == content(model)
    assert "assets.extra/publication.json" not in content(Path(publish(model, tmp_path / "new/serving")))


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
