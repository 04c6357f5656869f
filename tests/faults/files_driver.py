"""The files that the nodes of a run write, with faults: records, training state, features, manifests, executions.

`python -m tests.faults.files_driver FOLDER SEED COUNT` injects COUNT faults of each kind into each step, 0 for all, and
prints JSON: the number of faults by step and kind, and the violations.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import random
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.manifest import find_damage, has_manifest, write_manifest
from components.run_files import METADATA_FILE
from components.training.feature_files import FeatureFiles, row_type
from components.training.resumption import TrainingFolder
from pipeline.metadata.database import execution_ids
from pipeline.metadata.execution_records import ExecutionRecorder, intact_records, record_files
from tests.faults.campaign import Result, Scenario, run_scenario, with_message
from tests.faults.run_artifacts import record_ids
from tests.pipeline.made_run import write_whole_run
from tests.tfds_voc_seg.conversion.conversion_job import Job
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.sample.devkit import write_sample_devkit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from components.training.feature_files import Batch

_SPLITS = {"train": 3, "val": 2}
_VARIABLES = [np.arange(2000.0), np.ones(3)]
_CLASSES, _FEATURES = np.ones((2, 4, 4), np.uint8), np.full((2, 2, 2, 8), 0.5)
_BATCHES = 3
_CONVERSION, _CONVERSIONS = "conversion", 3
"""A scenario with Beam, which needs a second, and the number of its faults of each kind instead of all."""


def _attempts(output: Path) -> list[Path]:
    """Lists the folders that the executions of a node have made, oldest first."""
    return sorted((path for path in output.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))


def _convert(devkit: Path, output: Path) -> None:
    """Converts the devkit into a new folder, as each execution does."""
    job = Job(devkit, output / str(len(_attempts(output)) + 1), num_shards=1)
    job.finish()


def _wrong_records(devkit: Path, output: Path, *, all_written: bool) -> Iterator[str]:
    """Yields what is wrong with the shards, of which the last folder must have `all_written`."""
    listed = {split: {pair.image_id for pair in listing.pairs} for split, listing in read_splits(devkit).items()}
    for folder in _attempts(output):
        for split, ids in listed.items():
            shards = [*folder.glob(f"voc_seg-{split}.tfrecord-*-of-?????")]
            found = [name for shard in shards for name in record_ids(shard)]
            if (shards or (all_written and folder == _attempts(output)[-1])) and sorted(found) != sorted(ids):
                yield f"the {split} records in {folder.name} are {found}"


def _write_state(output: Path) -> None:
    """Writes the state of a training after its second epoch, unless it exists."""
    folder = TrainingFolder(output)
    state = folder.read()
    if state is None or state.epochs < 2:
        folder.write(_VARIABLES, {"loss": [2.0, 1.0]}, is_best=True, finished=True)


def _wrong_state(output: Path, epochs: tuple[int, ...]) -> Iterator[str]:
    state = TrainingFolder(output).read()
    if state is None or state.epochs not in epochs:
        yield f"the state is {state}"
        return
    with (output / state.last).open("rb") as file:
        if not all(np.array_equal(np.load(file), expected) for expected in _VARIABLES):
            yield "the variables are wrong"


def _features(output: Path) -> FeatureFiles:
    return FeatureFiles(output / "features", row_type((4, 4), [(2, 2, 8)]), batch_size=2, batches=_BATCHES)


def _batches(first: int) -> Iterator[Batch]:
    for number in range(first, _BATCHES):
        yield _CLASSES * number, [_FEATURES + number]


def _wrong_features(output: Path, *, complete: bool) -> Iterator[str]:
    files = _features(output)
    if complete and not files.is_complete:
        yield "the features are incomplete"
    if files.is_complete:
        rows = files.open().read(np.arange(2 * _BATCHES))
        for field, start in (("features0", 0.5), ("classes", 0)):
            if not np.array_equal(np.unique(rows[field]), np.arange(_BATCHES) + start):
                yield f"the {field} are wrong"


def _write_artifact(output: Path) -> None:
    (output / "data").write_bytes(b"content" * 1000)
    write_manifest(output)


def _wrong_manifest(output: Path, *, written: bool) -> Iterator[str]:
    if written and not has_manifest(output):
        yield "there is no manifest"
    if has_manifest(output) and (damage := find_damage(output, digests="all")):
        yield damage


def _record_executions(output: Path) -> None:
    ExecutionRecorder(output).sync()


def _wrong_executions(output: Path, *, all_recorded: bool) -> Iterator[str]:
    intact = intact_records(output)
    if damaged := {*record_files(output)} - {*intact}:
        yield f"the records of the executions {sorted(damaged)} are damaged"
    if all_recorded and {*intact} != {*(execution_ids(output / METADATA_FILE) or ())}:
        yield f"only the executions {sorted(intact)} are recorded"


def _scenarios(output: Path) -> Iterable[Scenario]:
    """Yields the steps; each one's state must be used before the next one is made."""
    devkit = output.with_name("devkit")
    write_sample_devkit(devkit, train_images=_SPLITS["train"], val_images=_SPLITS["val"])
    step = partial(with_message, output, partial(_convert, devkit, output))
    wrong = partial(_wrong_records, devkit, output)
    output.mkdir()
    yield Scenario(_CONVERSION, output, step, partial(wrong, all_written=False), partial(wrong, all_written=True), step)
    TrainingFolder(output).write(_VARIABLES, {"loss": [2.0]}, is_best=True, finished=False)
    step = partial(with_message, output, partial(_write_state, output))
    yield Scenario(
        "training state", output, step, partial(_wrong_state, output, (1, 2)), partial(_wrong_state, output, (2,)), step
    )
    output.mkdir()
    step = partial(with_message, output, partial(_features(output).write, _batches))
    features = partial(_wrong_features, output)
    yield Scenario("features", output, step, partial(features, complete=False), partial(features, complete=True), step)
    output.mkdir()
    step = partial(with_message, output, partial(_write_artifact, output))
    manifest = partial(_wrong_manifest, output)
    yield Scenario("manifest", output, step, partial(manifest, written=False), partial(manifest, written=True), step)
    write_whole_run(output)
    step = partial(with_message, output, partial(_record_executions, output))
    wrong = partial(_wrong_executions, output)
    yield Scenario(
        "execution records",
        output,
        step,
        partial(wrong, all_recorded=False),
        partial(wrong, all_recorded=True),
        step,
    )


def main(output: Path, seed: int, count: int) -> None:
    """Injects faults into every step."""
    logging.disable()  # Beam prints the trace of each error
    result, chance = Result(), random.Random(seed)
    for scenario in _scenarios(output):
        slow = scenario.name == _CONVERSION
        run_scenario(scenario, count or _CONVERSIONS if slow else count, chance, result)
    print(json.dumps(dataclasses.asdict(result)))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]) / "output", int(sys.argv[2]), int(sys.argv[3]))
