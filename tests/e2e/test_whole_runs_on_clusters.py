"""A whole run on a cluster of Flink or Spark gives what a run in one process gives, also if a machine is lost."""

from __future__ import annotations

import copy
import json
import math
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format

from clusters.running import kill
from components.run_files import EVALUATION_FILE, IMAGES_FILE
from tests.e2e.real_clusters import HOSTS, python_workers, running_cluster
from tests.e2e.run_workspace import Workspace, workspace_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clusters.cluster import Cluster

pytestmark = pytest.mark.slow

TOLERANCE = 1e-12
BEAM_JOBS = 3
"""Conversion, StatisticsGen and evaluation."""

LOSSES = {
    "flink": ("job-manager.log", "from state RUNNING to RESTARTING"),
    "spark": ("job-server.log", "ERROR TaskSchedulerImpl: Lost executor"),
}
"""The log file in which an engine notes that tasks were lost, and what it writes."""


def close(left: Any, right: Any) -> bool:
    """Returns whether two JSON values are the same, numbers to 1e-12."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(close(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(close(*pair) for pair in zip(left, right, strict=True))
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(left == right)


def the_file(output: Path, name: str) -> Path:
    (file,) = output.glob(f"tfx/*/*/*/{name}")
    return file


def records(output: Path) -> dict[str, bytes]:
    """The content of each shard."""
    files = output.glob("tfx/VocExampleGen/*/*/*/*tfrecord*-of-*")
    return {f"{file.parent.name}/{file.name}": file.read_bytes() for file in files}


def statistics(output: Path) -> list[Any]:
    """The name and the statistics of each split, from StatisticsGen; their order depends on the engine."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    found: list[Any] = []
    for file in sorted(output.glob("tfx/StatisticsGen/*/*/*/FeatureStats.pb")):
        message = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
        (dataset,) = json_format.MessageToDict(message)["datasets"]
        dataset["features"].sort(key=lambda feature: feature["path"]["step"])
        found.append([file.parent.name, dataset])
    return found


def metrics(output: Path) -> list[Any]:
    """The content of `evaluation.json` without times, and the rows of the images in the order of their names."""
    rows = map(json.loads, the_file(output, IMAGES_FILE).read_text().splitlines())
    evaluation = json.loads(the_file(output, EVALUATION_FILE).read_text())
    for candidate in evaluation["candidates"].values():
        del candidate["train_seconds"]
    return [evaluation, sorted(rows, key=lambda row: str(row["image_id"]))]


def assert_same_results(found: Path, expected: Path) -> None:
    assert len(records(expected)) == 4
    assert records(found) == records(expected)
    assert [split for split, _ in statistics(expected)] == ["Split-train", "Split-val"]
    assert close(statistics(found), statistics(expected))
    assert close(metrics(found), metrics(expected))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A devkit and a preset, with a finished run in one process in `output`."""
    with workspace_in(tmp_path_factory.mktemp("workspace")) as workspace:
        workspace.run(preset=workspace.preset_of_one)
        yield workspace


def run_on(cluster: Cluster, workspace: Workspace, output: Path) -> None:
    """Runs the same preset on a cluster, into another output folder."""
    elsewhere = copy.copy(workspace)
    elsewhere.output = output
    elsewhere.run(f"beam.args={json.dumps(list(cluster.beam_args))}", preset=workspace.preset_of_one)


@pytest.mark.parametrize("engine", HOSTS)
def test_a_whole_run_gives_the_same_records_statistics_and_metrics(
    workspace: Workspace, tmp_path: Path, engine: str
) -> None:
    with running_cluster(engine, tmp_path) as cluster:
        run_on(cluster, workspace, tmp_path / "output")
        assert python_workers(cluster) >= BEAM_JOBS
    assert_same_results(tmp_path / "output", workspace.output)


def kill_during_statistics(cluster: Cluster, host: str, output: Path) -> threading.Thread:
    """Starts a thread that kills a machine once StatisticsGen, the second job, has Python processes."""

    def wait_and_kill() -> None:
        while not list(output.glob("tfx/VocExampleGen/*/*/manifest.json")):
            time.sleep(0.05)
        of_conversion = python_workers(cluster)
        while python_workers(cluster) == of_conversion:
            time.sleep(0.05)
        kill(cluster.folder, host)

    thread = threading.Thread(target=wait_and_kill, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("engine", HOSTS)
def test_a_run_that_loses_one_of_two_machines_gives_the_same(workspace: Workspace, tmp_path: Path, engine: str) -> None:
    with running_cluster(engine, tmp_path) as cluster:
        killer = kill_during_statistics(cluster, HOSTS[engine], tmp_path / "output")
        run_on(cluster, workspace, tmp_path / "output")
        killer.join(timeout=1)
        assert not killer.is_alive()
        assert cluster.count_workers() == cluster.workers - 1
    log, text = LOSSES[engine]
    assert text in (tmp_path / log).read_text()
    assert_same_results(tmp_path / "output", workspace.output)
