"""A full disk is one sentence with the file and the cure, whichever library reports it."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import pytest
import tensorflow as tf

from tests.tfds_voc_seg.conversion.conversion_job import shard_template
from tfds_voc_seg.conversion.shards import plan_shards
from tfds_voc_seg.conversion.write_shards import ConversionError, WriteShards
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.disk_errors import full_disk_problem, write_problem, write_reason
from tfds_voc_seg.record_config import ConversionConfig, RecordConfig

if TYPE_CHECKING:
    from pathlib import Path

CURE = "cannot be written to: No space left on device; free some space, or choose a folder on another disk"


def _full(file: str | None = None) -> OSError:
    return OSError(errno.ENOSPC, "No space left on device", file)


def test_the_file_is_named() -> None:
    assert write_problem(_full("/out/x"), "/out") == full_disk_problem(_full("/out/x")) == f"/out/x {CURE}"
    assert write_problem(_full(), "/out") == full_disk_problem(_full(), "/out") == f"/out {CURE}"
    assert write_problem(PermissionError(13, "Permission denied", "/x"), "/out") == (
        "/x cannot be written to: Permission denied; make the folder writable, or choose another one"
    )
    assert write_problem(OSError(errno.EIO, "Input/output error", "/x"), "/out") == (
        "/x cannot be used: Input/output error; check the disk, then run the same command again"
    )
    assert write_reason(OSError("strange")) == "strange"


@pytest.mark.parametrize(
    ("error", "file"),
    [
        (tf.errors.ResourceExhaustedError(None, None, "/out/records; No space left on device"), "/out/records"),
        (RuntimeError("OSError: [Errno 28] No space left on device: '/out/x' [while running 'Write']"), "/out/x"),
        (RuntimeError("Error when executing query: database or disk is full query: INSERT INTO x"), "/out"),
    ],
)
def test_the_texts_of_libraries_are_recognised(error: Exception, file: str) -> None:
    assert full_disk_problem(error, "/out") == f"{file} {CURE}"


FULL, ROLLED_BACK = (
    RuntimeError(f"Error when executing query: {text} query: COMMIT;")
    for text in ("database or disk is full", "cannot commit - no transaction is active")
)


def test_sqlites_errors_name_the_database() -> None:
    assert full_disk_problem(FULL, "/out", "/out/metadata.sqlite") == f"/out/metadata.sqlite {CURE}"
    assert full_disk_problem(_full("/out/x"), "/out", "/out/metadata.sqlite") == f"/out/x {CURE}"


def test_a_cause_that_names_its_file_is_preferred() -> None:
    error = RuntimeError("Trainer: the output folder cannot be written to: No space left on device")
    error.__cause__ = _full("/out/x")
    assert full_disk_problem(error, "/out") == f"/out/x {CURE}"
    error.__cause__ = FULL
    assert full_disk_problem(error, "/out", "/out/metadata.sqlite") == f"/out/metadata.sqlite {CURE}"


@pytest.mark.parametrize(("free", "is_full"), [(50_000, True), (50_000_000, False)])
def test_a_transaction_that_sqlite_ended_is_about_a_full_disk_if_the_disk_is_full(
    free: int, is_full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    problem = full_disk_problem(ROLLED_BACK, "/out", "/out/metadata.sqlite")
    assert problem == (f"/out/metadata.sqlite {CURE}" if is_full else None)
    monkeypatch.undo()
    assert full_disk_problem(ROLLED_BACK, "a folder that does not exist") is None


def test_the_cause_of_an_error_is_recognised() -> None:
    error = ValueError("the model could not be saved")
    error.__cause__ = _full("/out/x")
    assert full_disk_problem(error) == f"/out/x {CURE}"


@pytest.mark.parametrize("error", [ValueError("x"), PermissionError(13, "Permission denied", "/x")])
def test_other_errors_are_not_about_a_full_disk(error: Exception) -> None:
    assert full_disk_problem(error) is None


def test_a_conversion_names_the_shard(devkit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorflow_datasets.core.file_adapters import TfRecordFileAdapter

    def refuse(*_: Any) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(TfRecordFileAdapter, "write_examples", refuse)
    pairs = read_splits(devkit)["val"].pairs
    shards = plan_shards(pairs, shard_template(tmp_path, "val"), ConversionConfig(1))
    with (
        pytest.raises(ConversionError) as error,
        beam.Pipeline(options=beam.options.pipeline_options.PipelineOptions(["--allow_unsafe_triggers"])) as pipeline,
    ):
        _ = pipeline | WriteShards(shards, RecordConfig(32))
    assert f"{shards[0].path} {CURE}" in str(error.value)
    assert list(tmp_path.iterdir()) == []
