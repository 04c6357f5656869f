"""A Spark cluster on this machine: a master, workers, which start Python processes, and a job server."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

from clusters.cluster import Cluster, Process, free_ports
from clusters.downloads import job_server, python_package
from clusters.java import OPENED, SMALL, java
from clusters.serving import job_server_process, worker_args

if TYPE_CHECKING:
    from pathlib import Path

SPARK = "pyspark==3.5.1"
"""The package with Spark's programs; the job server contains the same version, see spark.xml."""

_TIMEOUT = 600
"""Seconds after which a process that does not answer is lost; one that was killed is lost at once.

On a machine that is too busy, processes wait for minutes.
"""


def spark_cluster(folder: Path, downloads: Path, workers: int = 2) -> Cluster:
    """Prepares a cluster whose jobs get an executor with one core on each worker.

    Args:
        folder: where the cluster's own files are written.
        downloads: where Spark and Beam's job server are stored.
        workers: the number of workers.

    Raises:
        DownloadError: something cannot be downloaded.
    """
    home = python_package(SPARK, downloads) / "pyspark"
    server = job_server("spark", downloads)
    port, web_port, job_port = free_ports(3)
    master = f"spark://localhost:{port}"
    variables = [f"SPARK_HOME={home}", "SPARK_SCALA_VERSION=2.12", "SPARK_LOCAL_IP=127.0.0.1"]  # as its own scripts set
    spark = ["env", *variables, *java("256m", [f"-Dspark.worker.timeout={_TIMEOUT}"], libraries=[home / "jars/*"])]
    deploy = "org.apache.spark.deploy"

    def count_workers() -> int:
        with urllib.request.urlopen(f"http://localhost:{web_port}/json/", timeout=5) as answer:
            return int(json.load(answer)["aliveworkers"])

    properties = [
        "-Dspark.executor.memory=512m",
        f"-Dspark.executor.extraClassPath={server}",  # Beam's Guava, before Spark's older one
        "-Dspark.executor.cores=1",
        "-Dspark.driver.host=localhost",
        "-Dspark.ui.enabled=false",
        f"-Dspark.network.timeout={_TIMEOUT}s",
        f"-Dspark.executor.extraJavaOptions={' '.join([*OPENED, *SMALL])}",
    ]
    local = ["--host", "localhost"]
    return Cluster(
        folder=folder,
        processes=[
            job_server_process(server, job_port, folder, ["--spark-master-url", master], properties),
            Process(
                "master",
                [*spark, f"{deploy}.master.Master", *local, "--port", str(port), "--webui-port", str(web_port)],
            ),
            *(
                Process(
                    f"worker-{number}",
                    [
                        *(*spark, f"{deploy}.worker.Worker", *local, "--cores", "1", "--memory", "1g"),
                        *("--webui-port", "0", "--work-dir", str(folder / f"work-{number}"), master),
                    ],
                )
                for number in range(1, workers + 1)
            ),
        ],
        count_workers=count_workers,
        workers=workers,
        job_port=job_port,
        beam_args=[
            "--runner=SparkRunner",
            f"--job_endpoint=localhost:{job_port}",
            f"--spark_master_url={master}",
            "--environment_cache_millis=300000",  # otherwise each stage starts new Python processes, which import TFX
            *worker_args(folder),
        ],
    )
