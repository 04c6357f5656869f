"""Beam engines with several processes write the same bytes as the in-process conversion."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.tfds_voc_seg.conversion.conversion_job import BEAM_ARGS, Job
from tfds_voc_seg.conversion.outcome import ConvertedSplit
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.records.files import REJECTS_FILE

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
NUM_SHARDS = 3
START_SECONDS, JOB_SECONDS, STOP_SECONDS = 60, 180, 10

Start = Callable[..., subprocess.Popen[bytes]]
Result = tuple[dict[str, ConvertedSplit], dict[str, bytes]]
"""The report of each split, and the content of each file."""


def run_job(devkit: Path, folder: Path, *beam_args: str) -> Job:
    """Runs the conversion; raises TimeoutError if the engine hangs."""

    def raise_timeout(*_: object) -> NoReturn:
        raise TimeoutError(f"the job took more than {JOB_SECONDS} s")

    previous = signal.signal(signal.SIGALRM, raise_timeout)
    signal.alarm(JOB_SECONDS)
    try:
        return Job(devkit, folder, beam_args or BEAM_ARGS, num_shards=NUM_SHARDS)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def multi_processing(workers: int) -> tuple[str, ...]:
    return (*BEAM_ARGS, "--direct_running_mode=multi_processing", f"--direct_num_workers={workers}")


@pytest.fixture(scope="module")
def in_process(devkit: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The expected result of every engine."""
    job = run_job(devkit, tmp_path_factory.mktemp("in_process"))
    assert len(job.files()) == 2 * NUM_SHARDS
    return job.finish(), job.files()


@pytest.fixture
def other_processes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the conversion of a pair fail in the test's own process, so that other processes must convert it."""

    def refuse(_: object) -> NoReturn:
        raise AssertionError("the test's own process converted the pair")

    monkeypatch.setattr("tfds_voc_seg.conversion.write_shards.PairEncoder", refuse)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that starts a Python module as a process with a log file; the process ends after the test."""
    with contextlib.ExitStack() as processes:

        def start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
            log = processes.enter_context((tmp_path / f"{name}.log").open("wb"))
            path = os.pathsep.join(
                [str(Path(sys.executable).parent), os.environ["PATH"]]
            )  # the worker pool runs `python`
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=tmp_path,
                env={**os.environ, "PATH": path},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            processes.callback(_end, process)
            return process

        yield start


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and the processes that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)


def _wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + START_SECONDS
    while not ready():
        assert process.poll() is None, f"{process.args!r} ended with status {process.returncode}"
        assert time.monotonic() < limit, f"{process.args!r} was not ready in {START_SECONDS} s"
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
        return True
    return False


@pytest.mark.usefixtures("other_processes_only")
@pytest.mark.parametrize("workers", [1, 2])
def test_multi_processing_writes_the_same_bytes(devkit: Path, tmp_path: Path, in_process: Result, workers: int) -> None:
    job = run_job(devkit, tmp_path / "out", *multi_processing(workers))
    assert (job.finish(), job.files()) == in_process


def test_other_processes_report_bad_pairs_in_the_same_way(own_devkit: Path, tmp_path: Path) -> None:
    damaged = read_splits(own_devkit)["train"].pairs[1]
    Path(damaged.mask).write_bytes(b"no mask")
    results = []
    for name, beam_args in (("in_process", BEAM_ARGS), ("processes", multi_processing(2))):
        job = run_job(own_devkit, tmp_path / name, *beam_args)
        with pytest.raises(DevkitError) as caught:
            job.finish()
        rejects = (job.folder / REJECTS_FILE).read_text()
        results.append((str(caught.value), caught.value.problems, rejects, job.files()))
    assert results[0] == results[1]
    assert [problem.image_id for problem in results[0][1]] == [damaged.image_id]


@pytest.fixture
def dask_address(tmp_path: Path, start: Start) -> Iterator[str]:
    """The address of a Dask scheduler with two connected workers."""
    distributed = pytest.importorskip("distributed")
    scheduler_file = tmp_path / "scheduler.json"
    local = ("--host", "127.0.0.1", "--no-dashboard")
    scheduler = start("scheduler", "dask", "scheduler", *local, "--port=0", f"--scheduler-file={scheduler_file}")
    _wait_until(scheduler_file.exists, scheduler)
    address = json.loads(scheduler_file.read_text())["address"]
    for number in (1, 2):
        folder = f"--local-directory={tmp_path}"
        start(f"worker_{number}", "dask", "worker", address, *local, "--nthreads=1", "--no-nanny", folder)
    with distributed.Client(address, timeout=START_SECONDS) as client:
        client.wait_for_workers(2, timeout=START_SECONDS)
    yield address
    with contextlib.suppress(ValueError):  # no client: the job failed early
        distributed.default_client().close(STOP_SECONDS)  # the runner does not close its client


@pytest.mark.usefixtures("other_processes_only")
def test_a_dask_cluster_writes_the_same_bytes(
    devkit: Path, tmp_path: Path, in_process: Result, dask_address: str
) -> None:
    runner = "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"
    job = run_job(
        devkit,
        tmp_path / "out",
        runner,
        f"--dask_client_address={dask_address}",
        f"--dask_npartitions={2 * NUM_SHARDS}",
    )
    assert (job.finish(), job.files()) == in_process


@pytest.fixture
def portable_args(tmp_path: Path, start: Start) -> tuple[str, ...]:
    """Beam options for a job service and a worker pool, which know each other only by their addresses."""
    port_file, pool_port = tmp_path / "port", _free_port()
    project = tmp_path / "project"  # a copy, because packing it leaves files beside setup.py
    for name in ("tfds_voc_seg", "components", "pipeline"):
        shutil.copytree(PROJECT / name, project / name)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, project)
    service = start(
        "job_service",
        "apache_beam.runners.portability.local_job_service_main",
        f"--port_file={port_file}",
        f"--staging_dir={tmp_path / 'staging'}",
    )
    pool = start("worker_pool", "apache_beam.runners.worker.worker_pool_main", f"--service_port={pool_port}")
    _wait_until(port_file.exists, service)
    _wait_until(lambda: _listens(pool_port), pool)
    return (
        "--runner=PortableRunner",
        f"--job_endpoint=localhost:{port_file.read_text()}",
        "--environment_type=EXTERNAL",
        f"--environment_config=localhost:{pool_port}",
        f"--setup_file={project / 'setup.py'}",
    )


@pytest.mark.usefixtures("other_processes_only")
def test_the_portable_protocol_writes_the_same_bytes(
    devkit: Path, tmp_path: Path, in_process: Result, portable_args: tuple[str, ...]
) -> None:
    job = run_job(devkit, tmp_path / "out", *portable_args)
    assert (job.finish(), job.files()) == in_process
    (package,) = (file for file in (tmp_path / "staging").rglob("*") if file.is_file() and tarfile.is_tarfile(file))
    with tarfile.open(package) as archive:
        shipped = {name.partition("/")[2] for name in archive.getnames()}
    # The package that --setup_file sends to the job service for its workers.
    assert shipped >= {
        "tfds_voc_seg/conversion/write_shards.py",
        "components/__init__.py",
        "pipeline/presets/demo.yaml",
    }
