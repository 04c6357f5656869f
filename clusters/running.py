"""Starts the processes of a cluster in the background, and ends them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

from components.python_path import python_path

if TYPE_CHECKING:
    from pathlib import Path

    from clusters.cluster import Cluster

_STATE_FILE = "running.json"
_POLL_SECONDS = 0.5
_STOP_SECONDS = 15


class ClusterError(RuntimeError):
    """A cluster cannot be started; the message says why."""


def start(cluster: Cluster, seconds: float = 120) -> None:
    """Starts a cluster and waits until it answers and all its workers have joined.

    The file `running.json` in the cluster's folder lists the groups of its processes.

    Args:
        cluster: the cluster.
        seconds: how long to wait.

    Raises:
        ClusterError: a cluster of this folder is running, or a process ended, or it took too long. Nothing runs then.
    """
    state = cluster.folder / _STATE_FILE
    if state.exists():
        raise ClusterError(f"{cluster.folder} has a cluster already; stop it before you start another")
    environment = {**os.environ, "PYTHONPATH": python_path()}
    started: dict[str, subprocess.Popen[bytes]] = {}
    for process in cluster.processes:
        with (cluster.folder / f"{process.name}.log").open("wb") as log:
            started[process.name] = subprocess.Popen(
                process.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
    groups = {name: process.pid for name, process in started.items()}
    state.write_text(json.dumps(groups, indent=2))
    limit = time.monotonic() + seconds
    while not _is_complete(cluster):
        ended = next((name for name, process in started.items() if process.poll() is not None), None)
        if ended or time.monotonic() > limit:
            stop(cluster.folder)
            what = f"{ended} ended" if ended else f"it was not complete after {seconds:g} s"
            raise ClusterError(f"the cluster did not start: {what}; read the log files in {cluster.folder}")
        time.sleep(_POLL_SECONDS)


def _is_complete(cluster: Cluster) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("localhost", cluster.job_port), timeout=1):
        return cluster.count_workers() == cluster.workers
    return False


def kill(folder: Path, name: str) -> None:
    """Kills a process of a running cluster, as the loss of a machine does.

    Raises:
        ClusterError: no cluster runs in this folder.
    """
    os.killpg(_groups(folder)[name], signal.SIGKILL)


def stop(folder: Path) -> None:
    """Ends the processes of a cluster and those that they have started.

    Raises:
        ClusterError: no cluster runs in this folder.
    """
    groups = list(_groups(folder).values())
    _signal(groups, signal.SIGTERM)
    limit = time.monotonic() + _STOP_SECONDS
    while _signal(groups, 0) and time.monotonic() < limit:
        time.sleep(_POLL_SECONDS)
    _signal(groups, signal.SIGKILL)
    (folder / _STATE_FILE).unlink()


def _signal(groups: list[int], number: int) -> bool:
    """Sends a signal to groups of processes; returns whether any of them exists."""
    found = False
    for group in groups:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(group, os.WNOHANG)  # it does not exist any more if it was our child and has ended
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
            found = True
    return found


def _groups(folder: Path) -> dict[str, int]:
    try:
        groups: dict[str, int] = json.loads((folder / _STATE_FILE).read_text())
    except FileNotFoundError:
        raise ClusterError(f"no cluster runs in {folder}") from None
    return groups
