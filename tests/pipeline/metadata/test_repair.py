"""`vocseg repair`: what is damaged is found by reading every byte, and is set aside; nothing is deleted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from components.manifest import find_damage, write_manifest
from pipeline.cli import main
from pipeline.metadata.repair import repair

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def _artifact(output: Path, node: str, number: int) -> Path:
    folder = output / f"tfx/{node}/examples/{number}"
    folder.mkdir(parents=True)
    (folder / "data").write_bytes(b"content")
    write_manifest(folder)
    return folder


def test_a_damaged_artifact_is_not_used_from_the_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    intact, damaged = _artifact(tmp_path, "A", 1), _artifact(tmp_path, "B", 2)
    file = damaged / "data"
    stat = file.stat()
    file.write_bytes(b"Content")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as when a disk loses a bit
    assert find_damage(damaged) is None
    assert main(["repair", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert f"damaged: the content of {file} has changed\n1 artifacts are intact, 1 damaged\n" in printed
    assert "run the same `vocseg run` again" in printed
    assert find_damage(intact) is None
    assert "has no manifest.json" in str(find_damage(damaged))
    assert file.read_bytes() == b"Content"
    assert repair(tmp_path).damaged == {}


def test_a_damaged_database_is_renamed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "metadata.sqlite").write_bytes(b"damaged" * 1000)
    assert main(["repair", str(tmp_path)]) == 0
    assert not (tmp_path / "metadata.sqlite").exists()
    (kept,) = tmp_path.glob("metadata.sqlite.damaged-*")
    assert kept.read_bytes() == b"damaged" * 1000
    assert "lost: the lineage of earlier versions and the cache" in capsys.readouterr().out


def test_a_missing_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["repair", str(tmp_path / "absent")]) == 2
    assert "absent is not a folder; name the output folder of a run" in capsys.readouterr().err
    assert not (tmp_path / "absent").exists()
