"""Small steps of a run and `vocseg repair` with faults; no TensorFlow.

`python -m tests.faults.small_driver FOLDER SEED COUNT` injects COUNT faults of each kind into each step, 0 for all, and
prints JSON: the number of faults by step and kind, and the violations.
"""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from rich.console import Console

from components.manifest import find_damage, has_manifest, write_manifest
from components.run_files import ARTIFACTS_FOLDER, METADATA_FILE, SAMPLE_DEVKIT_FOLDER, SUMMARY_FILE
from pipeline.cli import main as vocseg
from pipeline.config.loading import load_config
from pipeline.display.live import Display
from pipeline.local.sample import prepare_sample
from pipeline.metadata.database import DatabaseError, check_database, execution_ids, reserve_execution_ids
from pipeline.metadata.execution_records import ExecutionRecorder
from tests.faults import run_checks
from tests.faults.campaign import Scenario, run_scenarios, with_message
from tests.faults.disk_faults import KINDS
from tests.pipeline.made_run import MadeRun
from tfds_voc_seg.storage import write_text_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.config.schema import RunConfig

_SAMPLE_IMAGES = 3
_TABLES = {"Artifact", "ArtifactProperty", "Context", "Event", "Execution", "MLMDEnv", "Type"}


def _open_database(output: Path) -> None:
    file = output / METADATA_FILE
    check_database(file)
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(file)
    config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    MetadataStore(config)
    reserve_execution_ids(file, output / ARTIFACTS_FOLDER)


def _missing_tables(output: Path) -> Iterator[str]:
    missing = _TABLES - run_checks.tables(output)
    if missing:
        yield f"the database has no tables {sorted(missing)}"


def _draw_sample(config: RunConfig) -> None:
    prepare_sample(config, Display(Console(file=io.StringIO())))


def _incomplete_sample(output: Path, *, drawn: bool) -> Iterator[str]:
    """Yields what is wrong with the sample, which need not have been `drawn` yet."""
    devkit = output / SAMPLE_DEVKIT_FOLDER
    files = [path for path in devkit.rglob("*") if path.is_file() and path.stat().st_size]
    if (drawn or devkit.exists()) and len(files) != 4 * _SAMPLE_IMAGES + 3:  # per image; the lists
        yield f"the sample has the files {[str(path.relative_to(output)) for path in files]}"


def _damaged_artifacts(output: Path) -> Path:
    """Writes an intact database and two artifacts, of which one is damaged; returns that one."""
    output.mkdir()
    with contextlib.closing(sqlite3.connect(output / METADATA_FILE)) as database:
        database.execute("CREATE TABLE t (x)")
    for node in ("A", "B"):
        artifact = output / ARTIFACTS_FOLDER / node / "model" / "1"
        artifact.mkdir(parents=True)
        (artifact / "data").write_bytes(b"content")
        write_manifest(artifact)
    (artifact / "data").write_bytes(b"CONTENT")
    return artifact


def _wrongly_repaired(output: Path, damaged: Path, *, done: bool) -> Iterator[str]:
    if done and has_manifest(damaged):
        yield "the damaged artifact is not marked"
    intact = output / ARTIFACTS_FOLDER / "A/model/1"
    if has_manifest(intact) and find_damage(intact, digests="all"):  # one that could not be read has lost its manifest
        yield "the intact artifact is damaged"
    if not (output / METADATA_FILE).exists():
        yield "the intact database was renamed"


def _lose_database(output: Path) -> int:
    """Damages the database of recorded executions; returns their number."""
    run = MadeRun(output)
    run.begin("finished")
    for node in ("VocExampleGen", "Pusher"):
        run.node(node, {"result": ("Model", {})})
    ExecutionRecorder(output).sync()
    count = len(run.store.get_executions())
    (output / METADATA_FILE).write_bytes(b"damaged" * 1000)
    return count


def _missing_executions(output: Path, count: int) -> Iterator[str]:
    found = execution_ids(output / METADATA_FILE)
    if found is None or len(found) != count:
        yield f"the database has the executions {found}, not {count}"


def _wrong_summary(output: Path, *values: int) -> Iterator[str]:
    if json.loads((output / SUMMARY_FILE).read_text())["value"] not in values:
        yield "summary.json has another content"


def _scenarios(output: Path) -> Iterator[Scenario]:
    """Yields the steps; each one's state must be used before the next one is made."""
    sizes = [f"sample.train_images={_SAMPLE_IMAGES - 1}", "sample.val_images=1"]
    config = load_config("demo", overrides=sizes, output=str(output))
    output.mkdir()
    step = partial(with_message, output, partial(_open_database, output), (DatabaseError,))
    yield Scenario("new database", output, step, tuple, partial(_missing_tables, output), step)
    output.mkdir()
    step = partial(with_message, output, partial(_draw_sample, config))
    sample = partial(_incomplete_sample, output)
    yield Scenario("sample", output, step, partial(sample, drawn=False), partial(sample, drawn=True), step)
    repaired = partial(_wrongly_repaired, output, _damaged_artifacts(output))
    step = partial(vocseg, ["repair", str(output)])
    yield Scenario("repair", output, step, partial(repaired, done=False), partial(repaired, done=True), step)
    lost = partial(_missing_executions, output, _lose_database(output))
    repair = partial(vocseg, ["repair", str(output)])
    # A record that cannot be read is reported as lost; the next repair restores it.
    kinds = tuple(kind for kind in KINDS if kind != "read error")
    yield Scenario("lost database", output, repair, tuple, lost, repair, kinds)
    output.mkdir()
    write = partial(write_text_whole, output / SUMMARY_FILE)
    write('{"value": 1}')
    step = partial(with_message, output, partial(write, '{"value": 2}'))
    summary = partial(_wrong_summary, output)
    yield Scenario("summary", output, step, partial(summary, 1, 2), partial(summary, 2), step)


if __name__ == "__main__":
    run_scenarios(_scenarios(Path(sys.argv[1]) / "output"), int(sys.argv[2]), int(sys.argv[3]))
