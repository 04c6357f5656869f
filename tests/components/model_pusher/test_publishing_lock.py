"""The lock of a folder in an object store, which is a dictionary here: who waits, how long, and what is said."""

from __future__ import annotations

import datetime
import functools
import json
import logging
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from components.locks import LockedError
from components.model_pusher import publishing_lock as module
from components.model_pusher.publishing_lock import publishing_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SERVING = "s3://bucket/serving"
LOCK = f"{SERVING}/.lock"


class Store(dict[str, bytes]):
    """Object → content."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten: list[str] = []
        self.reads = 0

    def create_object(self, uri: str, content: bytes) -> bool:
        return self.setdefault(uri, content) == content

    def read_object(self, uri: str) -> bytes | None:
        self.reads += 1
        return self.get(uri)

    def remove_object(self, uri: str) -> None:
        del self[uri]

    def forget_listings(self, place: str) -> None:
        self.forgotten.append(place)


class Clock:
    """Sleeping takes no time; the clock shows it all the same."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store()
    for name in ("create_object", "read_object", "remove_object", "forget_listings"):
        monkeypatch.setattr(module, name, getattr(made, name))
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def holder(age: datetime.timedelta = datetime.timedelta(0), **changed: Any) -> bytes:
    """The content of a lock of the process that started the tests: it is alive and on this machine."""
    values = {
        "purpose": "publishing",
        "host": socket.gethostname(),
        "process": os.getppid(),
        "started": (datetime.datetime.now(datetime.UTC) - age).isoformat(),
        "token": "t",
    }
    return json.dumps({name: value for name, value in {**values, **changed}.items() if value is not None}).encode()


@functools.cache
def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_the_lock_is_an_object_that_names_this_process_and_is_gone_afterwards(store: Store) -> None:
    with publishing_lock(SERVING) as still_held:
        assert store.keys() == {LOCK}
        assert store.forgotten == [LOCK]
        named = json.loads(store[LOCK])
        assert (named["purpose"], named["process"], len(named["token"])) == ("publishing", os.getpid(), 32)
        still_held()
        mine, store[LOCK] = store[LOCK], holder()
        with pytest.raises(LockedError, match=f"{LOCK} was taken over by another process meanwhile"):
            still_held()
        store[LOCK] = mine
    assert store == {}


def test_the_lock_of_another_process_is_not_removed(store: Store) -> None:
    with publishing_lock(SERVING):
        store[LOCK] = holder()
    assert store.keys() == {LOCK}


def test_the_lock_is_released_after_an_error(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), publishing_lock(SERVING):
        raise KeyboardInterrupt
    assert store == {}


def test_an_error_of_the_release_is_logged(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(uri: str) -> None:
        raise ConnectionError(f"reset: {uri}")

    monkeypatch.setattr(module, "remove_object", fail)
    with publishing_lock(SERVING):
        pass
    assert caplog.messages == [f"{LOCK} could not be removed: reset: {LOCK}"]
    monkeypatch.setattr(module, "remove_object", store.remove_object)
    with publishing_lock(SERVING):  # this process does not wait for a lock that it no longer holds
        pass
    assert store == {}


@pytest.mark.usefixtures("store")
def test_two_locks_of_this_process_exclude_each_other(clock: Clock) -> None:
    with publishing_lock(SERVING), pytest.raises(LockedError), publishing_lock(SERVING):
        pass
    assert clock.sleeps


def test_waiting_is_said_once_and_ends_after_a_quarter_of_an_hour(store: Store, clock: Clock) -> None:
    store[LOCK] = content = holder(started="2999-01-01T00:00:00+00:00")
    named = f"`publishing`, process {os.getppid()} on {socket.gethostname()}, started at 2999-01-01T00:00:00+00:00"
    sentences: list[str] = []
    with pytest.raises(LockedError) as refused, publishing_lock(SERVING, sentences.append):
        pass
    assert sentences == [f"waiting for {named}, which holds {LOCK}"]
    assert {*clock.sleeps} == {0.2}
    assert clock.now - 1000 == pytest.approx(15 * 60, abs=1)
    assert str(refused.value) == (
        f"{LOCK} is held by {named}; if that process has ended, delete this object and run the same command again"
    )
    assert store == {LOCK: content}


def test_a_lock_that_vanishes_or_has_no_content_is_waited_for(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store[LOCK] = b"{"
    sentences: list[str] = []
    monkeypatch.setattr(module, "read_object", lambda uri: None if clock.sleeps else store[uri])
    with (
        pytest.raises(LockedError, match=f"{LOCK} is held by another process; if"),
        publishing_lock(SERVING, sentences.append),
    ):
        pass
    assert sentences == [f"waiting for another process, which holds {LOCK}"]


MINUTE = datetime.timedelta(minutes=1)
STALE: dict[str, Callable[[], bytes]] = {
    "old": lambda: holder(61 * MINUTE, host="another"),
    "old, of a process that runs": lambda: holder(61 * MINUTE),
    "of a process that ended": lambda: holder(process=ended_process()),
    "of this process, which does not hold it": lambda: holder(process=os.getpid(), token="unknown"),
    "of this process, without a token": lambda: holder(process=os.getpid(), token=None),
}
VALID: dict[str, Callable[[], bytes]] = {
    "of a process that runs": lambda: holder(purpose="publishing"),
    "of another machine": lambda: holder(59 * MINUTE, host="another", process=ended_process()),
    "of another user": lambda: holder(process=1),
    "without a host": lambda: holder(host=None),
    "without a time": lambda: holder(started=None),
    "a time without a zone": lambda: holder(started="2020-01-01T00:00:00"),
    "no JSON": lambda: b"{",
    "no object": lambda: b"3",
    "a process that is no number": lambda: holder(process="x"),
}


@pytest.mark.parametrize("content", STALE.values(), ids=STALE.keys())
def test_a_stale_lock_is_taken(
    content: Callable[[], bytes], store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    stale = content()
    store[LOCK] = stale
    with publishing_lock(SERVING):
        assert json.loads(store[LOCK])["process"] == os.getpid()
        assert store[LOCK] != stale
    assert clock.sleeps == []
    assert caplog.messages[0].startswith(f"{LOCK}: the lock of `publishing`, process ")
    assert caplog.messages[0].endswith(" is stale and is removed")


@pytest.mark.parametrize("content", VALID.values(), ids=VALID.keys())
def test_a_valid_lock_is_not_taken(content: Callable[[], bytes], store: Store, clock: Clock) -> None:
    valid = content()
    store[LOCK] = valid
    with pytest.raises(LockedError, match="is held by"), publishing_lock(SERVING, lambda _: None):
        pass
    assert store[LOCK] == valid
    assert clock.sleeps


@pytest.mark.usefixtures("clock")
def test_a_stale_lock_that_another_process_replaces_is_not_removed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store[LOCK] = holder(process=ended_process())
    valid, real = holder(), store.read_object

    def replaced_after_the_first_read(uri: str) -> bytes | None:
        content = real(uri)
        if store.reads == 1:
            store[uri] = valid
        return content

    monkeypatch.setattr(module, "read_object", replaced_after_the_first_read)
    with pytest.raises(LockedError), publishing_lock(SERVING, lambda _: None):
        pass
    assert store == {LOCK: valid}


def test_a_store_without_conditional_writes_is_not_locked(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with publishing_lock("gs://bucket/serving") as still_held:
        still_held()
    assert store == {}
    assert caplog.messages == ["gs://bucket/serving cannot be locked: let only one pipeline at a time publish to it"]


def test_a_folder_on_a_disk_is_locked_by_a_file(store: Store, tmp_path: Path) -> None:
    with publishing_lock(tmp_path, logging.warning) as still_held:
        still_held()
        assert json.loads((tmp_path / ".lock").read_text())["purpose"] == "publishing"
    assert store == {}
