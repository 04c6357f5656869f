"""What is removed from a publishing folder, and in which order. A folder stands for an object store."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from etils import epath

from components.model_pusher import removal
from components.model_pusher.removal import discard, move_version, prune, remove_abandoned, remove_version
from components.run_files import SAVED_MODEL_FILE
from tests.components.model_pusher.version_folders import FILES, content, write_model
from tfds_voc_seg.storage import copy_folder

if TYPE_CHECKING:
    from collections.abc import Callable

A_DAY = 24 * 60 * 60


@pytest.fixture
def serving(tmp_path: Path) -> epath.Path:
    (tmp_path / "serving").mkdir()
    return epath.Path(tmp_path / "serving")


@pytest.fixture
def as_store(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Makes folders look like those of an object store, with or without conditional writes."""

    def make(conditional_writes: bool) -> None:
        monkeypatch.setattr(removal, "is_remote", lambda _: True)
        monkeypatch.setattr(removal, "has_conditional_writes", lambda _: conditional_writes)

    return make


def incoming(serving: epath.Path, name: str, *ages: float) -> None:
    """Makes a folder that is being copied, with a file of each age, in seconds."""
    folder = serving / name
    folder.mkdir()
    for number, age in enumerate(ages):
        (folder / str(number)).write_text("x")
        os.utime(folder / str(number), (time.time() - age,) * 2)
    if ages:
        os.utime(folder, (time.time() - min(ages),) * 2)


def names(folder: epath.Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def leftovers(serving: epath.Path) -> None:
    incoming(serving, ".incoming-new", 0, 2 * A_DAY)
    incoming(serving, ".incoming-23-hours", A_DAY - 3600, 2 * A_DAY)
    incoming(serving, ".incoming-25-hours", A_DAY + 3600, 2 * A_DAY)
    incoming(serving, ".removing-1-x", 0)
    (serving / "keep.incoming-").mkdir()
    for name in ("3", "withdrawn/4"):
        write_model(Path(serving / name))
    for name in ("5", "withdrawn/6"):
        (serving / name).mkdir(parents=True)


KEPT = {"keep.incoming-", "3", "withdrawn"}
YOUNG = {".incoming-new", ".incoming-23-hours"}


def test_old_copies_and_what_was_being_removed_is_removed_from_a_disk(serving: epath.Path) -> None:
    leftovers(serving)
    for name in (".removing-link", ".incoming-link"):
        Path(serving / name).symlink_to(serving / "3")
    remove_abandoned(serving)
    assert names(serving) == KEPT | YOUNG | {"5", ".incoming-link"}
    assert names(serving / "withdrawn") == {"4", "6"}
    assert len(content(Path(serving / "3"))) == len(FILES)


def test_in_a_locked_store_all_copies_and_incomplete_versions_are_removed(
    serving: epath.Path, as_store: Callable[[bool], None]
) -> None:
    leftovers(serving)
    as_store(True)
    remove_abandoned(serving)
    assert names(serving) == KEPT
    assert names(serving / "withdrawn") == {"4"}


def test_in_a_store_that_is_not_locked_the_age_of_the_newest_file_counts(
    serving: epath.Path, as_store: Callable[[bool], None]
) -> None:
    leftovers(serving)
    incoming(serving, ".incoming-empty")
    as_store(False)
    remove_abandoned(serving)
    assert names(serving) == KEPT | YOUNG | {"5"}
    assert names(serving / "withdrawn") == {"4", "6"}


def test_a_folder_that_does_not_exist_has_nothing_to_remove(
    serving: epath.Path, as_store: Callable[[bool], None]
) -> None:
    remove_abandoned(serving / "missing")
    as_store(True)
    remove_abandoned(serving / "missing")
    prune(serving / "missing", 1)


def test_of_a_version_in_a_store_the_model_is_removed_first(
    serving: epath.Path, as_store: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    version = serving / "3"
    write_model(Path(version))
    as_store(True)
    path_class, seen = type(version), []
    real = path_class.rmtree

    def watched(path: Any, *arguments: Any, **options: Any) -> None:
        seen.append((path, (path / SAVED_MODEL_FILE).exists()))
        real(path, *arguments, **options)

    monkeypatch.setattr(path_class, "rmtree", watched)
    remove_version(version)
    assert seen == [(version, False)]
    assert names(serving) == set()
    remove_version(version)  # another process has removed it


def test_a_version_moves_within_a_store_model_last(
    serving: epath.Path, as_store: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    version, target = serving / "3", serving / "withdrawn/3"
    before = content(write_model(Path(version)))
    as_store(True)
    copied: list[str] = []
    real = copy_folder

    def watched(source: Any, to: Any, *, last: Callable[[Any], bool]) -> None:
        copied.extend(name for name in FILES if last(epath.Path(source) / name))
        real(source, to, last=last)

    monkeypatch.setattr(removal, "copy_folder", watched)
    move_version(version, target)
    assert copied == [SAVED_MODEL_FILE]
    assert not version.exists()
    assert content(Path(target)) == before


def test_an_error_while_pruning_or_discarding_is_only_logged(
    serving: epath.Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("3", "4"):
        write_model(Path(serving / name))

    def fail(_: epath.Path) -> None:
        raise PermissionError("denied")

    monkeypatch.setattr(removal, "remove_version", fail)
    prune(serving, 1)
    discard(serving / "3")
    assert caplog.messages == [
        "old versions could not be removed: denied; the next publication tries again",
        f"{serving / '3'} could not be removed: denied; the next publication removes it",
    ]
    assert names(serving) == {"3", "4"}


def test_a_copy_and_an_incomplete_version_are_discarded(serving: epath.Path) -> None:
    for name in (".incoming-1", "3"):
        write_model(Path(serving / name))
        discard(serving / name)
        discard(serving / ".incoming-1")  # does not exist any more
    assert names(serving) == set()
