"""Publishing to an object store: one process at a time, whole versions, and nothing left of a copy that failed."""

from __future__ import annotations

import concurrent.futures
import datetime
import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from etils import epath

from components.model_pusher import publishing
from components.model_pusher.publishing import publish
from components.model_pusher.publishing_lock import publishing_lock
from components.saved_model.serving_folder import version_entries, versions
from tests.components.model_pusher.version_folders import FILES, write_model
from tests.faulty_store import BUCKET

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def serving(request: pytest.FixtureRequest) -> str:
    """An empty publishing folder in the store."""
    return f"{BUCKET}/{request.node.name.replace('[', '-').replace(']', '')}"


def test_models_that_are_published_at_once_are_not_mixed(serving: str, tmp_path: Path) -> None:
    models = [write_model(tmp_path / letter, letter) for letter in "abc"]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        published = [*pool.map(lambda model: publish(model, serving), models * 2)]
    assert len({version.name for version in published}) == 6
    for version in published:
        (letter,) = {chr(byte) for name in FILES for byte in {*(version / name).read_bytes()}}
        assert letter in "abc"
    assert {path.name for path in epath.Path(serving).iterdir()} == {version.name for version in published}


def test_a_copy_that_fails_leaves_nothing(serving: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_model(tmp_path / "model")

    def fail_before_the_last_file(source: Any, target: Any, **_: Any) -> None:
        for name in list(FILES)[1:3]:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes((epath.Path(source) / name).read_bytes())
        raise ConnectionError("reset by peer")

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "copy_folder", fail_before_the_last_file)
        with pytest.raises(ConnectionError):
            publish(model, serving)
    assert version_entries(serving) == []
    assert publish(model, serving).exists()


@pytest.mark.parametrize("age", [datetime.timedelta(0), datetime.timedelta(hours=2)])
def test_what_a_killed_process_left_is_removed(age: datetime.timedelta, serving: str, tmp_path: Path) -> None:
    """Its lock, if it is old or its process of this machine has ended; and a version without its last file."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    started = (datetime.datetime.now(datetime.UTC) - age).isoformat()
    host = "another" if age else socket.gethostname()
    holder = {"purpose": "publishing", "host": host, "process": ended.pid, "started": started}
    (epath.Path(serving) / ".lock").write_text(json.dumps(holder))
    partial = epath.Path(serving) / "1700000000"
    (partial / "variables/variables.index").write_bytes(b"index")
    version = publish(write_model(tmp_path / "model"), serving)
    assert version_entries(serving) == versions(serving) == [version]
    assert not (epath.Path(serving) / ".lock").exists()


def test_the_lock_of_a_live_process_is_waited_for(serving: str) -> None:
    lock = epath.Path(serving) / ".lock"
    started = datetime.datetime.now(datetime.UTC).isoformat()
    holder = {"purpose": "publishing", "host": socket.gethostname(), "process": os.getppid(), "started": started}
    lock.write_text(json.dumps(holder))
    sentences: list[str] = []

    def end_the_other_one(sentence: str) -> None:
        sentences.append(sentence)
        assert json.loads(lock.read_text()) == holder
        lock.unlink()

    with publishing_lock(serving, end_the_other_one):
        assert json.loads(lock.read_text())["process"] == os.getpid()
    assert sentences == [
        f"waiting for `publishing`, process {os.getppid()} on {socket.gethostname()}, started at {started}, "
        f"which holds {serving}/.lock"
    ]
