"""`write_files` writes a group of files completely or not at all, and never replaces a file unasked."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import BinaryIO

import pytest

from pipeline.prediction.output_files import OutputExistsError, Writer, refuse_existing, write_files


def _write(content: bytes) -> Writer:
    def write(file: BinaryIO) -> None:
        file.write(content)

    return write


def _fail_half_way(file: BinaryIO) -> None:
    file.write(b"half")
    raise OSError(errno.ENOSPC, "No space left on device")


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_no_file_is_left_if_one_of_them_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        write_files({tmp_path / "a/one": _write(b"1"), tmp_path / "b/two": _fail_half_way}, replace=False)
    assert _files(tmp_path) == set()


@pytest.mark.parametrize("file_system_has_links", [True, False])
def test_an_existing_file_is_not_replaced(
    file_system_has_links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not file_system_has_links:
        monkeypatch.setattr(Path, "hardlink_to", _links_are_not_supported)
    existing = tmp_path / "b/two"
    existing.parent.mkdir()
    existing.write_bytes(b"mine")
    with pytest.raises(OutputExistsError, match=r"two exists; --force replaces it"):
        write_files({tmp_path / "a/one": _write(b"1"), existing: _write(b"2")}, replace=False)
    assert _files(tmp_path) == {"b/two"}
    assert existing.read_bytes() == b"mine"
    write_files({tmp_path / "new": _write(b"1")}, replace=False)
    assert (tmp_path / "new").read_bytes() == b"1"


def test_an_existing_file_is_replaced_on_request(tmp_path: Path) -> None:
    existing = tmp_path / "two"
    existing.write_bytes(b"mine")
    write_files({existing: _write(b"2")}, replace=True)
    assert (_files(tmp_path), existing.read_bytes()) == ({"two"}, b"2")


@pytest.mark.parametrize("name", ["n" * 255, "雪" * 85])
def test_the_longest_name_of_a_file_is_written(tmp_path: Path, name: str) -> None:
    write_files({tmp_path / name: _write(b"1")}, replace=False)
    assert _files(tmp_path) == {name}


def test_existing_files_are_refused(tmp_path: Path) -> None:
    refuse_existing([tmp_path / "new"])
    (tmp_path / "link").symlink_to(tmp_path / "target that does not exist")
    with pytest.raises(OutputExistsError, match=r"link exists; --force replaces it"):
        refuse_existing([tmp_path / "new", tmp_path / "link"])


def _links_are_not_supported(_: Path, __: Path) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")
