"""Manifests: every change of an artifact is found, and an executor writes only to an empty folder."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.artifacts.manifests import with_manifests
from components.artifacts.records import read_records
from components.manifest import ArtifactError, find_damage, read_manifest, refuse_content, write_manifest
from tests.conftest import TRAIN_IMAGES, VAL_IMAGES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONTENT = {"a.txt": b"first", "folder/b.bin": bytes(range(100)), "folder/inner/c": b""}


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    return write_artifact(tmp_path / "artifact")


def write_artifact(folder: Path) -> Path:
    for name, content in CONTENT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    write_manifest(folder)
    return folder


def test_an_intact_artifact_has_no_damage(artifact: Path) -> None:
    assert [file.name for file in read_manifest(artifact)] == sorted(CONTENT)
    for digests in ("none", "changed", "all"):
        assert find_damage(artifact, digests=digests) is None
    os.utime(artifact / "a.txt", (1, 1))
    assert find_damage(artifact) is None  # the content decides


def test_a_manifest_without_its_last_line_break_is_damaged(artifact: Path) -> None:
    manifest = artifact / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-1])
    assert find_damage(artifact)


@given(name=st.sampled_from(["a.txt", "folder/b.bin", "manifest.json"]), data=st.data())
@settings(max_examples=80)
def test_every_change_of_a_file_is_damage(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    artifact = write_artifact(tmp_path_factory.mktemp("artifact"))
    file = artifact / name
    content = bytearray(file.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    fault = data.draw(st.sampled_from(["flip", "cut", "append", "delete"]))
    if fault == "flip":
        content[position] ^= 1 << data.draw(st.integers(0, 7))
    elif fault == "cut":
        del content[position:]
    else:
        content += b"x"
    if fault == "delete":
        file.unlink()
    else:
        file.write_bytes(content)
    damage = find_damage(artifact)
    assert damage
    assert file.name in damage or name == "manifest.json"  # a changed manifest may accuse another file


def test_a_changed_file_with_its_old_time_is_found_by_reading_all(artifact: Path) -> None:
    file = artifact / "a.txt"
    stat = file.stat()
    file.write_bytes(b"FIRST")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert find_damage(artifact) is None
    assert find_damage(artifact, digests="all") == f"the content of {file} has changed"


def test_an_added_file_and_a_missing_folder_are_damage(artifact: Path) -> None:
    (artifact / "folder/added").touch()
    assert find_damage(artifact) == f"{artifact / 'folder/added'} does not belong to the artifact"
    shutil.rmtree(artifact)
    assert "has no manifest.json" in str(find_damage(artifact))


def test_a_manifest_whose_writer_was_killed_is_written_again(artifact: Path) -> None:
    (artifact / "manifest.json").rename(artifact / ".manifest.json.incomplete")
    write_manifest(artifact)
    assert [file.name for file in read_manifest(artifact)] == sorted(CONTENT)
    assert find_damage(artifact) is None


def test_a_file_that_ends_inside_a_record_gets_no_manifest(tmp_path: Path) -> None:
    file = tmp_path / "voc_seg-train.tfrecord-00000-of-00001"
    record = (8).to_bytes(8, "little") + bytes(4) + b"eight by" + bytes(4)
    file.write_bytes(2 * record)
    write_manifest(tmp_path)
    assert [(found.name, found.records) for found in read_manifest(tmp_path)] == [(file.name, 2)]
    file.write_bytes(2 * record + record[:-1])
    with pytest.raises(ArtifactError, match=f"{file} ends inside a record; run the command again"):
        write_manifest(tmp_path)


def test_a_manifest_beside_the_folder_leaves_the_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema/schema.pbtxt").write_text("feature {}")
    write_manifest(tmp_path / "schema", beside=True)
    assert [path.name for path in (tmp_path / "schema").iterdir()] == ["schema.pbtxt"]
    assert find_damage(tmp_path / "schema") is None
    (tmp_path / "schema/schema.pbtxt").write_text("")
    assert "schema.pbtxt has 0 bytes instead of 10" in str(find_damage(tmp_path / "schema"))


def test_an_executor_refuses_an_output_with_files(tmp_path: Path, make_artifact: Callable[..., Any]) -> None:
    calls = []
    do = with_manifests(lambda *arguments: calls.append(arguments))
    old = tmp_path / "old"
    old.mkdir()
    (old / "shard").write_text("of an earlier run")
    with pytest.raises(ArtifactError, match=r"already contains .*shard; move it away"):
        do(None, {}, {"examples": [make_artifact("Examples", old)]}, {})
    assert not calls
    assert (old / "shard").exists()
    do(None, {}, {"examples": [make_artifact("Examples", tmp_path / "new")]}, {})
    assert find_damage(tmp_path / "new") is None
    refuse_content(tmp_path / "absent")


def test_records_are_counted_and_read_as_the_manifest_names_them(
    examples: Any, tmp_path: Path, make_artifact: Callable[..., Any]
) -> None:
    folder = tmp_path / "examples"
    shutil.copytree(examples.uri, folder)
    copy = make_artifact("Examples", folder)
    copy.split_names = examples.split_names
    counts = [file.records for file in read_manifest(folder) if file.records is not None]
    assert sum(counts) == TRAIN_IMAGES + VAL_IMAGES
    shards = read_records(copy).files
    assert len(counts) == sum(map(len, shards.values()))

    shard = folder / shards["val"][0]
    content = shard.read_bytes()
    length = int.from_bytes(content[:8], "little") + 16
    shard.write_bytes(content[:length])  # a valid file with one record
    with pytest.raises(ArtifactError, match=f"{shard.name} has .* instead of .*; run the same command again"):
        read_records(copy)
    shard.write_bytes(content)
    shutil.copy(shard, shard.with_name("voc_seg-val.tfrecord-00007-of-00008"))
    with pytest.raises(ArtifactError, match="does not belong to the artifact"):
        read_records(copy)
