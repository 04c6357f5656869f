"""A Flink cluster on this machine: a job manager, task managers, which start Python processes, and a job server."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

from clusters.cluster import Cluster, Process, free_ports
from clusters.downloads import job_server, python_package
from clusters.java import java
from clusters.serving import job_server_process, worker_args

if TYPE_CHECKING:
    from pathlib import Path

FLINK = "apache-flink-libraries==1.19.3"
"""The package with Flink's programs; the job server is for its version, 1.19."""

_SLOTS = 2
"""Tasks per task manager: with one task manager lost, the others can still take all tasks of a job."""

_MEMORY = {
    "taskmanager.cpu.cores": "1.0",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.task.heap.size": "256m",
    "taskmanager.memory.task.off-heap.size": "64m",
    "taskmanager.memory.network.min": "128m",
    "taskmanager.memory.network.max": "128m",
    "taskmanager.memory.managed.size": "128m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "128m",
    "taskmanager.memory.jvm-overhead.max": "128m",
}
"""A task manager's memory, which Flink's own start script computes: about 1 GB."""

_LOGGING = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %-5p %c{1} - %m%n
"""


def flink_cluster(folder: Path, downloads: Path, workers: int = 2) -> Cluster:
    """Prepares a cluster, in which a task that is lost with its task manager starts again.

    Args:
        folder: where the cluster's own files are written.
        downloads: where Flink and Beam's job server are stored.
        workers: the number of task managers.

    Raises:
        DownloadError: something cannot be downloaded.
    """
    libraries = python_package(FLINK, downloads) / "pyflink/lib"
    server = job_server("flink", downloads)
    rpc_port, web_port, job_port = free_ports(3)
    configuration = folder / "conf"
    configuration.mkdir(parents=True, exist_ok=True)
    settings = _settings(folder, rpc_port, web_port)
    (configuration / "config.yaml").write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
    (configuration / "log4j.properties").write_text(_LOGGING)
    logging = f"-Dlog4j.configurationFile={configuration / 'log4j.properties'}"
    flink = java("384m", [logging], libraries=[libraries / "*", server])
    manager = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
    worker = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
    options = ["--configDir", str(configuration)]

    def count_workers() -> int:
        with urllib.request.urlopen(f"http://localhost:{web_port}/overview", timeout=5) as answer:
            return int(json.load(answer)["taskmanagers"])

    return Cluster(
        folder=folder,
        processes=[
            job_server_process(server, job_port, folder, ["--flink-master", f"http://localhost:{web_port}"]),
            Process("job-manager", [*flink, manager, *options, "--executionMode", "cluster"]),
            *(Process(f"task-manager-{number}", [*flink, worker, *options]) for number in range(1, workers + 1)),
        ],
        count_workers=count_workers,
        workers=workers,
        job_port=job_port,
        beam_args=[
            "--runner=FlinkRunner",
            f"--job_endpoint=localhost:{job_port}",
            f"--flink_master=http://localhost:{web_port}",
            f"--parallelism={workers}",
            "--environment_cache_millis=60000",  # otherwise each stage starts new Python processes, which import TFX
            *worker_args(folder),
        ],
    )


def _settings(folder: Path, rpc_port: int, web_port: int) -> dict[str, object]:
    """Returns Flink's configuration."""
    return {
        "jobmanager.rpc.address": "localhost",
        "jobmanager.rpc.port": rpc_port,
        "jobmanager.bind-host": "localhost",
        "rest.address": "localhost",
        "rest.bind-address": "localhost",
        "rest.port": web_port,
        "taskmanager.host": "localhost",
        "taskmanager.bind-host": "localhost",
        "classloader.resolve-order": "parent-first",  # with Beam's classes in the class path, Python processes are kept
        "taskmanager.numberOfTaskSlots": _SLOTS,
        "taskmanager.load-balance.mode": "SLOTS",  # otherwise both tasks of a job go to one task manager
        "taskmanager.network.sort-shuffle.min-buffers": 64,  # StatisticsGen has many shuffles at once
        "restart-strategy.type": "exponential-delay",  # counts tasks that fail together, for one reason, as one failure
        "restart-strategy.exponential-delay.initial-backoff": "2 s",
        "restart-strategy.exponential-delay.max-backoff": "10 s",
        "restart-strategy.exponential-delay.attempts-before-reset-backoff": 5,
        "heartbeat.interval": 2000,  # milliseconds; after two that fail, a process that was killed is lost
        "heartbeat.timeout": 600_000,  # for one that does not answer: on a busy machine it may wait for minutes
        "io.tmp.dirs": str(folder / "tmp"),
        "blob.storage.directory": str(folder / "blobs"),
        **_MEMORY,
    }
