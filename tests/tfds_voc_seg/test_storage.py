"""Paths as users write them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfds_voc_seg.storage import (
    StorageError,
    absolute_place,
    copy_folder,
    local_path,
    remove_unfinished,
    require_no_pattern,
    short_name,
    storage_path,
    write_text_whole,
    written_whole,
)


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local_path("~/preds") == storage_path("~/preds") == tmp_path / "preds"
    assert absolute_place("~/preds") == str(tmp_path.resolve() / "preds")
    assert absolute_place("gs://bucket/~/x") == "gs://bucket/~/x"
    assert local_path("a/~/b") == Path("a/~/b")
    assert local_path("~nobody-has-this-name/x") == Path("~nobody-has-this-name/x")


@pytest.mark.parametrize(("place", "character"), [("out [1]", "["), ("a/*/b", "*"), ("what?", "?")])
def test_a_path_that_is_also_a_pattern_is_refused(place: str, character: str) -> None:
    with pytest.raises(StorageError) as error:
        require_no_pattern(place)
    assert str(error.value).startswith(f"{place} contains {character!r}: TensorFlow, TFX and Beam take such a path for")


@pytest.mark.parametrize("place", ["", "out (1)", "/a/b c", "{x}", "gs://bucket/x"])
def test_other_paths_are_accepted(place: str) -> None:
    require_no_pattern(place)


@pytest.mark.parametrize(("number", "tolerated"), [(errno.EIO, False), (errno.EINVAL, True)])
def test_a_file_that_the_disk_does_not_hold_is_not_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, tolerated: bool
) -> None:
    def fail(_: int) -> NoReturn:
        raise OSError(number, os.strerror(number))

    file = tmp_path / "file"
    file.write_text("old")
    monkeypatch.setattr(os, "fsync", fail)
    if tolerated:
        write_text_whole(file, "new")
    else:
        with pytest.raises(OSError, match="Input/output error"):
            write_text_whole(file, "new")
    assert file.read_text() == ("new" if tolerated else "old")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", ["n" * 255, "雪" * 85])
def test_the_longest_name_of_a_file_is_written_whole(tmp_path: Path, name: str) -> None:
    write_text_whole(tmp_path / name, "x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1), st.integers(40, 200))
def test_short_names_are_short_and_stay_different(name: str, longest: int) -> None:
    short = short_name(name, longest)
    assert len(short.encode(errors="surrogateescape")) <= longest
    assert short == name or short != short_name(f"{name}x", longest)


def test_two_processes_may_write_a_contested_file_at_once(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with written_whole(file, contested=True) as slow:
        slow.write_text("slow")
        with written_whole(file, contested=True) as quick:
            quick.write_text("quick")
        assert file.read_text() == "quick"
    assert file.read_text() == "slow"
    assert list(tmp_path.iterdir()) == [file]


def test_what_killed_writers_of_a_contested_file_left_is_removed(tmp_path: Path) -> None:
    for name in ("file", "other"):
        unfinished = written_whole(tmp_path / name, contested=True).__enter__()
        unfinished.write_text("incomplete")  # and the process is killed
    remove_unfinished([tmp_path / "file"])
    assert [path.name.partition(".")[2].partition(".")[0] for path in tmp_path.iterdir()] == ["other"]


def test_files_are_copied_by_relative_and_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source/inner").mkdir(parents=True)
    (tmp_path / "source/inner/file").write_bytes(b"content")
    for source, target in (("source", "first"), (tmp_path / "source", "second"), ("source", tmp_path / "third")):
        copy_folder(source, target)
    for copy in ("first", "second", "third"):
        assert (tmp_path / copy / "inner/file").read_bytes() == b"content"


def test_a_store_is_opened_with_fsspec_also_after_a_local_file() -> None:
    """In a new process: etils decides once, at the first file."""
    program = (
        "from etils import epath; from tfds_voc_seg.storage import use_fsspec_for_s3; epath.Path('/tmp').exists(); "
        "use_fsspec_for_s3('a preset with s3://bucket/weights.h5'); print(type(epath.Path('s3://bucket/x')._backend))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "EPATH_USE_TF"}
    printed = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert "FileSystemSpec" in printed.stdout, printed.stderr
