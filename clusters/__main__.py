"""Starts and stops a cluster of Flink or Spark on this machine: `python -m clusters flink start`, and `stop`."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

from clusters.downloads import DownloadError
from clusters.flink import flink_cluster
from clusters.running import ClusterError, start, stop
from clusters.spark import spark_cluster

ENGINES = {"flink": flink_cluster, "spark": spark_cluster}


def main() -> None:
    """Runs the command; an error is a message and status 1."""
    parser = argparse.ArgumentParser(prog="python -m clusters", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("action", choices=["start", "stop"])
    parser.add_argument("--folder", type=Path, default=Path("build/clusters"), help="downloads and log files")
    options = parser.parse_args()
    downloads: Path = options.folder.resolve()
    folder = downloads / options.engine
    downloads.mkdir(parents=True, exist_ok=True)
    try:
        if options.action == "stop":
            stop(folder)
            return
        cluster = ENGINES[options.engine](folder, downloads)
        start(cluster)
    except (DownloadError, ClusterError) as error:
        sys.exit(str(error))
    assignment = shlex.quote(f"beam.args={json.dumps(list(cluster.beam_args))}")
    print(f"A {options.engine} cluster with {cluster.workers} workers runs; its log files are in {folder}. Try:")
    print(f"\n    vocseg run --set {assignment}\n")


if __name__ == "__main__":
    main()
