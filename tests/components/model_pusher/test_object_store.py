"""Objects that one of several writers creates; a dictionary stands for the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.model_pusher.object_store import (
    create_object,
    forget_listings,
    has_conditional_writes,
    is_remote,
    read_object,
    remove_object,
)

if TYPE_CHECKING:
    from pathlib import Path

URI = "s3://bucket/folder/object"
CONFLICT = OSError(5, "An error occurred (ConditionalRequestConflict) when calling the PutObject operation")


class Storage:
    """Stands for s3fs: `cat_file` answers from a cache until the cache is invalidated."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.cache: dict[str, bytes] = {}
        self.errors: list[OSError] = []
        self.writes = 0

    def pipe_file(self, path: str, content: bytes, mode: str) -> None:
        assert mode == "create"
        self.writes += 1
        if self.errors:
            raise self.errors.pop(0)
        if path in self.objects:
            raise FileExistsError(path)
        self.objects[path] = content

    def cat_file(self, path: str) -> bytearray:
        if path not in (known := self.cache or self.objects):
            raise FileNotFoundError(path)
        return bytearray(known[path])

    def rm_file(self, path: str) -> None:
        del self.objects[path]

    def invalidate_cache(self) -> None:
        self.cache = {}


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Storage:
    made = Storage()
    monkeypatch.setattr("fsspec.core.url_to_fs", lambda uri: (made, uri.removeprefix("s3://")))
    return made


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr("time.sleep", made.append)
    return made


@pytest.mark.parametrize(
    ("place", "remote", "conditional"),
    [("/a/s3", False, False), ("s3:/a", False, False), ("gs://b/a", True, False), ("s3://b/a", True, True)],
)
def test_places_of_each_kind(place: str, remote: bool, conditional: bool) -> None:
    assert is_remote(place) is remote
    assert has_conditional_writes(place) is conditional


def test_one_writer_creates_an_object(storage: Storage) -> None:
    assert create_object(URI, b"first") is True
    assert create_object(URI, b"second") is False
    assert create_object(URI, b"first") is True  # the answer to an earlier attempt was lost
    assert storage.objects == {"bucket/folder/object": b"first"}
    remove_object(URI)
    assert storage.objects == {}


def test_an_object_is_never_read_from_a_cache(storage: Storage) -> None:
    assert read_object(URI) is None
    create_object(URI, b"new")
    storage.cache = {"bucket/folder/object": b"old"}
    content = read_object(URI)
    assert content == b"new"
    assert isinstance(content, bytes)
    storage.cache = {"bucket/folder/object": b"old"}
    forget_listings(URI)
    assert storage.cache == {}


def test_a_conflict_is_tried_again_ten_times(storage: Storage, sleeps: list[float]) -> None:
    storage.errors = [CONFLICT] * 9
    assert create_object(URI, b"content") is True
    assert (storage.writes, sleeps) == (10, [0.2] * 9)
    storage.errors = [CONFLICT] * 11
    with pytest.raises(OSError, match="ConditionalRequestConflict"):
        create_object("s3://bucket/other", b"content")
    assert (storage.writes, len(sleeps)) == (20, 18)


def test_another_error_is_not_tried_again(storage: Storage, sleeps: list[float]) -> None:
    storage.errors = [OSError("AccessDenied")]
    with pytest.raises(OSError, match="AccessDenied"):
        create_object(URI, b"content")
    assert (storage.writes, sleeps, storage.objects) == (1, [], {})


def test_without_conditional_writes_an_existing_file_is_kept(tmp_path: Path) -> None:
    file = str(tmp_path / "new/folder/object")
    assert read_object(file) is None
    assert create_object(file, b"first") is True
    assert create_object(file, b"second") is False
    assert create_object(file, b"first") is True
    assert create_object(str(tmp_path / "new/folder/other"), b"") is True
    assert read_object(file) == b"first"
    forget_listings(file)
