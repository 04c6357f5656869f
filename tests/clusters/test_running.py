"""Starting and stopping the processes of a cluster."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clusters.cluster import Process, free_ports
from clusters.running import ClusterError, kill, start, stop
from tests.clusters.small_cluster import small_cluster

if TYPE_CHECKING:
    from collections.abc import Callable


def exists(pid: int) -> bool:
    """Returns whether a process runs."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for(done: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not done():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_a_started_cluster_is_complete_and_a_stopped_one_leaves_no_process(tmp_path: Path) -> None:
    answers = iter([1, 1, 2])
    started = small_cluster(tmp_path, Process("other", ["sleep", "600"]), count_workers=lambda: next(answers))
    start(started)
    assert next(answers, None) is None  # it waited for both workers
    child = int((tmp_path / "server.log").read_text())
    assert exists(child)
    with pytest.raises(ClusterError, match="has a cluster already; stop it"):
        start(started)
    stop(tmp_path)
    wait_for(lambda: not exists(child))
    with pytest.raises(ClusterError, match="no cluster runs in"):
        stop(tmp_path)


def test_a_killed_process_is_gone_and_the_others_are_stopped_later(tmp_path: Path) -> None:
    start(small_cluster(tmp_path, Process("other", ["sleep", "600"])))
    child = int((tmp_path / "server.log").read_text())
    kill(tmp_path, "server")
    wait_for(lambda: not exists(child))
    stop(tmp_path)


@pytest.mark.parametrize(
    ("command", "seconds", "reason"),
    [(["false"], 60, "bad ended"), (["sleep", "600"], 0.5, "it was not complete after 0.5 s")],
)
def test_a_cluster_that_does_not_start_leaves_nothing(
    tmp_path: Path, command: list[str], seconds: float, reason: str
) -> None:
    never = small_cluster(tmp_path, Process("bad", command), count_workers=lambda: 1)
    with pytest.raises(ClusterError, match=f"{reason}; read the log files in {tmp_path}"):
        start(never, seconds)
    assert not (tmp_path / "running.json").exists()


def test_ports_are_free_and_different() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    with socket.create_server(("localhost", ports[0])):
        pass
