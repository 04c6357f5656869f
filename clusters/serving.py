"""What both engines need beside their own processes: Beam's job server, and Python processes."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING

from clusters.cluster import Process
from clusters.java import java

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def job_server_process(
    server: Path, port: int, folder: Path, arguments: Sequence[str], java_options: Sequence[str] = ()
) -> Process:
    """Returns Beam's job server, which receives jobs and passes them on to the engine.

    Args:
        server: its jar file.
        port: where it receives jobs.
        folder: where it keeps files that are sent with a job.
        arguments: the engine's address.
        java_options: further options of Java.
    """
    own = ["--job-host", "localhost", "--job-port", str(port), "--artifact-port", "0", "--expansion-port", "0"]
    own += ["--artifacts-dir", str(folder / "artifacts"), *arguments]
    return Process("job-server", [*java("512m", java_options, jar=server), *own])


def worker_args(folder: Path) -> list[str]:
    """Returns Beam's options that let each worker of the engine start a Python process in this environment.

    Args:
        folder: gets the script that starts `pipeline.beam_worker`, and the log files of the Python processes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "beam-worker"
    python, log = shlex.quote(sys.executable), f"{shlex.quote(str(folder))}/python-$$.log"
    script.write_text(f'#!/bin/sh\nexec {python} -m pipeline.beam_worker "$@" 2>>{log}\n')
    script.chmod(0o755)
    return [
        "--environment_type=PROCESS",
        f"--environment_config={json.dumps({'command': str(script)})}",
        "--beam_plugin=tfx",
        "--sdk_container_image=unused",
    ]
