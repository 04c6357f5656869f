"""A cluster of two small processes, for the tests of starting and stopping."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from clusters.cluster import Cluster, Process, free_ports

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BEAM_ARGS = ["--runner=FlinkRunner", '--environment_config={"command": "/a b/c\'s"}', "--parallelism=2"]

SERVER = """\
import socket, subprocess, sys, time
listener = socket.create_server(("localhost", int(sys.argv[1])))
child = subprocess.Popen(["sleep", "600"])
print(child.pid, flush=True)
time.sleep(600)
"""


def small_cluster(folder: Path, *others: Process, count_workers: Callable[[], int] = lambda: 2) -> Cluster:
    """A cluster with a process that answers and has a child, as task managers have Python processes."""
    (port,) = free_ports(1)
    server = Process("server", [sys.executable, "-c", SERVER, str(port)])
    return Cluster(folder, [server, *others], count_workers, 2, port, BEAM_ARGS)
