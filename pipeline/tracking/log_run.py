"""Logs the latest finished run of an output folder to MLflow."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pipeline
from components.python_path import python_path
from pipeline.report.contents import read_contents
from pipeline.tracking.tracked_run import tracked_run
from tfds_voc_seg.error_messages import message_of_library
from tfds_voc_seg.printable import printable_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.config.schema import RunConfig
    from pipeline.config.tracking import TrackingConfig

_PROCESS = "pipeline.tracking.logging_process"
_MEMORY_BYTES = 2**31
_PROJECT = Path(pipeline.__path__[0]).parent
_GIT_SECONDS = 10

_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "OPENBLAS_NUM_THREADS": "1",  # NumPy would reserve memory for every core
}
"""Variables of MLflow's client, which otherwise retries for minutes and reports usage. The user's own ones prevail."""


class TrackingError(RuntimeError):
    """The run could not be logged; the message says why and whether the server shows a part of it."""


def log_run(config: RunConfig, preset: str) -> str:
    """Logs the latest finished run, with its report and the model that it published.

    What MLflow's client prints goes to standard error.

    Args:
        config: the run.
        preset: what `--preset` named.

    Returns:
        Where the run is: the address of its page, or the database and the run's id.

    Raises:
        TrackingError: the run could not be logged. There is no other error, whatever happens: the run has finished.
    """
    try:
        outcome = _run_process(_job(config, preset), config.tracking)
    except Exception as error:
        outcome = {"problem": f"unexpected {type(error).__name__}: {message_of_library(error)}"}
        traceback.print_exc()
    uri = config.tracking.shown_uri
    if "problem" in outcome:
        how = "not completely" if outcome.get("begun") else "not"
        raise TrackingError(f"the run was {how} logged to MLflow at {uri}: {outcome['problem']}")
    if uri.startswith("http"):
        return f"{uri}/#/experiments/{outcome['experiment']}/runs/{outcome['run']}"
    return f"{uri}, run {outcome['run']}"


def _job(config: RunConfig, preset: str) -> dict[str, Any]:
    settings, output = config.tracking, config.output_folder
    run = tracked_run(read_contents(output), output, {"voc_seg.preset": preset, **_code_tags()})
    return {
        "uri": settings.shown_uri,
        "experiment": settings.experiment or config.name,
        "artifacts": settings.artifact_folder,
        "run": dataclasses.asdict(run),
        "seconds": math.ceil(settings.timeout_seconds) + 5,
        "memory_bytes": _MEMORY_BYTES,
    }


def _run_process(job: dict[str, Any], settings: TrackingConfig) -> dict[str, Any]:
    environment = _environment(settings)
    secrets = _secrets(environment)
    try:
        finished = subprocess.run(
            [sys.executable, "-P", "-m", _PROCESS],
            env=environment,
            input=json.dumps(job),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=settings.timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        sys.stderr.write(_hidden((error.stderr or b"").decode(errors="replace"), secrets))
        seconds = f"{settings.timeout_seconds:g} s"
        return {"problem": f"it took longer than {seconds} and was stopped (tracking.timeout_seconds)", "begun": True}
    except OSError as error:
        return {"problem": f"the process that logs it cannot be started ({error.strerror})"}
    sys.stderr.write(_hidden(finished.stderr, secrets))
    try:
        outcome: dict[str, Any] = json.loads(finished.stdout)
    except ValueError:
        return {"problem": f"MLflow's client ended with status {finished.returncode}; the log has its output"}
    return {key: printable_line(_hidden(str(value), secrets)) for key, value in outcome.items() if value}


def _environment(settings: TrackingConfig) -> dict[str, str]:
    """Returns the variables of the process, the login among them: MLflow's errors would repeat one in the URI."""
    environment = {**_DEFAULTS, **os.environ, "PYTHONPATH": python_path(), "MLFLOW_TRACKING_URI": settings.shown_uri}
    if settings.login:
        environment.pop("MLFLOW_TRACKING_TOKEN", None)
        environment["MLFLOW_TRACKING_USERNAME"], environment["MLFLOW_TRACKING_PASSWORD"] = settings.login
    return environment


def _secrets(environment: Mapping[str, str]) -> list[str]:
    """Returns what must not be shown, even if a server repeats it."""
    user, password = environment.get("MLFLOW_TRACKING_USERNAME", ""), environment.get("MLFLOW_TRACKING_PASSWORD", "")
    basic = base64.b64encode(f"{user}:{password}".encode()).decode() if password else ""
    return [text for text in (basic, password, environment.get("MLFLOW_TRACKING_TOKEN", "")) if text]


def _hidden(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _code_tags() -> dict[str, str]:
    """Returns the command, and the commit if the code runs from a clone of the project."""
    tags = {"mlflow.source.name": "vocseg run"}
    command = ["git", "-C", str(_PROJECT), "rev-parse", "--show-cdup", "HEAD"]
    try:
        printed = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return tags
    up, _, commit = printed.partition("\n")
    return tags | {"mlflow.source.git.commit": commit.strip()} if not up else tags  # not that of a folder around it
