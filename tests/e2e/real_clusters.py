"""Clusters of Flink and Spark on this machine, for tests. They need Java 17 and, once, Maven Central and PyPI."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clusters.__main__ import ENGINES
from clusters.downloads import DownloadError
from clusters.running import start, stop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clusters.cluster import Cluster

DOWNLOADS = Path(__file__).parents[2] / "build/clusters"
HOSTS = {"flink": "task-manager-1", "spark": "worker-1"}
"""The process that is killed: with it, one of two machines is lost."""

START_SECONDS = 300


@contextlib.contextmanager
def running_cluster(engine: str, folder: Path) -> Iterator[Cluster]:
    """Starts a cluster with two workers and stops it at the end; skips the test if something cannot be downloaded."""
    if shutil.which("java") is None:
        pytest.skip("Java is not installed")
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    try:
        prepared = ENGINES[engine](folder, DOWNLOADS)
    except DownloadError as error:
        pytest.skip(f"no {engine}: {error}")
    start(prepared, START_SECONDS)
    try:
        yield prepared
    finally:
        stop(folder)


def python_workers(cluster: Cluster) -> int:
    """The number of Python processes that the engine has started so far."""
    return len(list(cluster.folder.glob("python-*.log")))
