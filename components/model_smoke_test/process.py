"""Runs the checks in a new process and always returns a result, even if the process dies or hangs."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.allocator import variables_that_keep_freed_memory
from components.python_path import python_path

if TYPE_CHECKING:
    from components.model_smoke_test.smoke_test_config import SmokeTestConfig

CHECKS_MODULE = "components.model_smoke_test.checks"
_MEASUREMENTS = ("latency_seconds", "peak_memory_bytes", "load_seconds")


def smoke_test(model: str, requests: Path, config: SmokeTestConfig) -> dict[str, Any]:
    """Tests a SavedModel.

    Args:
        model: the SavedModel's folder.
        requests: the folder that `request_files.write_requests` has written.
        config: time limit and number of requests.

    Returns:
        `passed`; `problems`, a list of sentences; `checks`, a list of `check`, `passed` and `detail`; and the
        measurements `latency_seconds` (median of one photo), `peak_memory_bytes` and `load_seconds`, null if the
        process ended before it measured them.
    """
    with tempfile.TemporaryDirectory() as scratch:
        journal = Path(scratch) / "journal.jsonl"
        command = [sys.executable, "-P", "-m", CHECKS_MODULE, model, str(requests), str(journal)]
        command += ["--latency-requests", str(config.latency_requests)]
        failure = run_process(command, scratch, config.timeout_seconds)
        lines = _read_journal(journal)
    checks = [line for line in lines if "check" in line]
    measured: dict[str, Any] = next((line for line in lines if "peak_memory_bytes" in line), {})
    problems = [f"{line['check']}: {line['detail']}" for line in checks if not line["passed"]]
    if failure is None and not measured:
        failure = "the process ended without a result"
    if failure is not None:
        started = [line["started"] for line in lines if "started" in line]
        during = f"{started[-1]}: " if len(started) > len(checks) else ""
        problems.append(f"{during}{failure}")
    return {
        "passed": not problems,
        "problems": problems,
        "checks": checks,
        **{name: measured.get(name) for name in _MEASUREMENTS},
    }


def run_process(command: list[str], folder: str, timeout: float) -> str | None:
    """Runs a command in a folder and returns how it failed, or `None` if it succeeded."""
    # PYTHONPATH: the new process must find the checks. No GPU: this process may already occupy all of its memory.
    environment = {**os.environ, "PYTHONPATH": python_path(), "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    environment |= variables_that_keep_freed_memory()
    try:
        finished = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the process did not finish within {timeout:g} s and was killed"
    except OSError as error:
        return f"the process cannot be started ({error})"
    logging.info("The smoke test printed:\n%s", finished.stdout)
    if finished.returncode == 0:
        return None
    printed = [line.strip() for line in finished.stdout.splitlines() if line.strip()]
    last_line = f"its last line of output: {printed[-1]}" if printed else "it printed nothing"
    if finished.returncode < 0:
        return f"the process was killed by {_signal_name(-finished.returncode)}; {last_line}"
    return f"the process ended with status {finished.returncode}; {last_line}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _read_journal(journal: Path) -> list[dict[str, Any]]:
    lines = []
    for text in journal.read_text().splitlines() if journal.exists() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            break  # the process died while it wrote this line
    return lines
