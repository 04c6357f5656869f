"""What a cluster is: the processes that it consists of, and how Beam reaches it."""

from __future__ import annotations

import dataclasses
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Process:
    """A process of a cluster.

    Attributes:
        name: the name of its log file.
        command: the program and its arguments.
    """

    name: str
    command: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A cluster that is to be started.

    Attributes:
        folder: where its configuration, its log files and what its processes write are.
        processes: its processes, in the order in which they start.
        count_workers: returns how many workers have joined it; raises OSError while nobody answers.
        workers: how many workers it has when it is complete.
        job_port: the port at which its job server receives jobs.
        beam_args: Beam's options for a job on it.
    """

    folder: Path
    processes: Sequence[Process]
    count_workers: Callable[[], int]
    workers: int
    job_port: int
    beam_args: Sequence[str]


def free_ports(count: int) -> list[int]:
    """Returns ports of this machine that nobody uses, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
