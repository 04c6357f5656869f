"""Runs the checks in a fresh process; whatever becomes of it, there is a result."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import components
from components.model_smoke_test.smoke_test_config import SmokeTestConfig

CHECKS_MODULE = "components.model_smoke_test.checks"
_FIGURES = ("latency_seconds", "peak_memory_bytes", "load_seconds")


def smoke_test(model: str, requests: Path, config: SmokeTestConfig) -> dict[str, Any]:
    """Tests a SavedModel.

    Args:
        model: its folder.
        requests: a folder with what to ask it, as `checks` expects it.
        config: how long it may take, and how much to ask.

    Returns:
        `passed`; `problems`, sentences; `checks`, a list of `check`, `passed`, `detail`; and `latency_seconds` (median
        of one photo), `peak_memory_bytes` and `load_seconds`, null where it did not come to them.
    """
    with tempfile.TemporaryDirectory() as scratch:
        journal = Path(scratch) / "journal.jsonl"
        command = [sys.executable, "-m", CHECKS_MODULE, model, str(requests), str(journal)]
        command += ["--latency-requests", str(config.latency_requests)]
        death = _run(command, scratch, config.timeout_seconds)
        lines = _read_journal(journal)
    checks = [line for line in lines if "check" in line]
    figures: dict[str, Any] = next((line for line in lines if "peak_memory_bytes" in line), {})
    problems = [f"{line['check']}: {line['detail']}" for line in checks if not line["passed"]]
    if death is None and not figures:
        death = "the process ended without a result"
    if death is not None:
        started = [line["started"] for line in lines if "started" in line]
        during = f"{started[-1]}: " if len(started) > len(checks) else ""
        problems.append(f"{during}{death}")
    return {
        "passed": not problems,
        "problems": problems,
        "checks": checks,
        **{figure: figures.get(figure) for figure in _FIGURES},
    }


def _run(command: list[str], folder: str, timeout: float) -> str | None:
    """Runs the process; says how it died where it did not end well."""
    # The project's folder for the checks themselves. No GPU: the training that went before may hold all its memory.
    path = os.pathsep.join(filter(None, [str(Path(components.__path__[0]).parent), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
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
        return f"the process was not through after {timeout:g} s and was ended"
    except OSError as error:
        return f"no process could be started ({error})"
    logging.info("The smoke test printed:\n%s", finished.stdout)
    if finished.returncode == 0:
        return None
    last = next((line.strip() for line in reversed(finished.stdout.splitlines()) if line.strip()), "it said nothing")
    if finished.returncode < 0:
        return f"the process was killed by {_signal_name(-finished.returncode)}; its last words: {last}"
    return f"the process ended with status {finished.returncode}; its last words: {last}"


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
