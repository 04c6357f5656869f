"""Clusters of Flink and Spark write the same records as jobs in one process, also if a machine is lost."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import apache_beam as beam
import pytest
import tensorflow_datasets as tfds
from apache_beam.options.pipeline_options import PipelineOptions

from clusters.running import kill
from tests.e2e.real_clusters import HOSTS, python_workers, running_cluster
from tests.tfds_voc_seg.conversion.conversion_job import BEAM_ARGS, CONFIG, Job, shard_template
from tfds_voc_seg.conversion.outcome import finish_conversion
from tfds_voc_seg.conversion.shards import plan_shards
from tfds_voc_seg.conversion.write_shards import WriteShards
from tfds_voc_seg.devkit.splits import Listing, read_splits
from tfds_voc_seg.record_config import ConversionConfig
from tfds_voc_seg.voc_seg_config import VocSegConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clusters.cluster import Cluster

pytestmark = pytest.mark.slow

NUM_SHARDS = 4
MANY_SHARDS, REPEATS = 12, 40


@pytest.fixture(scope="module", params=HOSTS)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def cluster(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with two workers."""
    with running_cluster(engine, tmp_path_factory.mktemp(engine)) as running:
        yield running


def test_the_conversion_writes_the_same_bytes(devkit: Path, tmp_path: Path, cluster: Cluster) -> None:
    expected = Job(devkit, tmp_path / "in_process", num_shards=NUM_SHARDS)
    before = python_workers(cluster)
    job = Job(devkit, tmp_path / "out", tuple(cluster.beam_args), num_shards=NUM_SHARDS)
    assert (job.finish(), job.files()) == (expected.finish(), expected.files())
    assert python_workers(cluster) - before >= cluster.workers


def test_tfds_writes_the_same_files(devkit: Path, tmp_path: Path, cluster: Cluster) -> None:
    def prepare(name: str, beam_args: Sequence[str]) -> dict[str, bytes]:
        config = VocSegConfig(image_size=32, num_shards=NUM_SHARDS, devkit=devkit)
        builder = tfds.builder("voc_seg", data_dir=tmp_path / name, config=config)
        options = tfds.download.DownloadConfig(beam_options=PipelineOptions(list(beam_args)))
        builder.download_and_prepare(download_config=options)
        return {file.name: file.read_bytes() for file in Path(builder.data_dir).iterdir()}

    expected, found = prepare("in_process", BEAM_ARGS), prepare("out", cluster.beam_args)
    assert len([name for name in expected if "tfrecord" in name]) == 2 * NUM_SHARDS
    assert found == expected


def kill_in_the_middle(cluster: Cluster, host: str, folder: Path) -> tuple[threading.Thread, list[int]]:
    """Starts a thread that kills one of two machines once there are shards; the list gets their number at that time."""
    written: list[int] = []

    def wait_and_kill() -> None:
        while not (count := len(list(folder.glob("voc_seg-*-of-*[0-9]")))):
            time.sleep(0.05)
        kill(cluster.folder, host)
        written.append(count)

    thread = threading.Thread(target=wait_and_kill, daemon=True)
    thread.start()
    return thread, written


def test_a_machine_that_is_lost_in_the_middle_loses_no_record(
    devkit: Path, tmp_path: Path, engine: str, cluster: Cluster
) -> None:
    """The last test of a cluster, which has one worker less afterwards."""
    pairs = read_splits(devkit)["train"].pairs * REPEATS
    config = ConversionConfig(num_shards=MANY_SHARDS)

    def convert(folder: Path, beam_args: Sequence[str]) -> tuple[object, dict[str, bytes]]:
        shards = plan_shards(pairs, shard_template(folder, "train"), config)
        with beam.Pipeline(argv=list(beam_args)) as pipeline:
            _ = pipeline | WriteShards(shards, CONFIG)
        report = finish_conversion({"train": Listing(tuple(pairs), ())}, {"train": shards}, folder, config)
        return report, {file.name: file.read_bytes() for file in folder.iterdir()}

    folders = [tmp_path / "in_process", tmp_path / "out"]
    for folder in folders:
        folder.mkdir()
    expected = convert(folders[0], BEAM_ARGS)
    thread, written = kill_in_the_middle(cluster, HOSTS[engine], folders[1])
    found = convert(folders[1], cluster.beam_args)
    thread.join()
    assert 0 < written[0] < MANY_SHARDS
    assert found == expected
