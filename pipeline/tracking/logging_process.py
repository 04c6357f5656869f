"""Logs a run to MLflow, in a process of its own: whatever happens to the client, the run is not affected.

Reads the job as JSON from standard input and writes the outcome as JSON to standard output.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import resource
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any

from tfds_voc_seg.error_messages import message_of_library

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlflow.tracking import MlflowClient

_PARAMETERS_PER_REQUEST, _METRICS_PER_REQUEST = 100, 1000

_REASONS = (
    (r"MemoryError", "the server's answer is too large"),
    (r"timed? ?out", "the server did not answer in time"),
    (r"SSLError|CERTIFICATE_VERIFY_FAILED", "the server's TLS certificate is not accepted"),
    (r"Connection refused|NameResolutionError|NewConnectionError|unreachable", "no server can be reached there"),
    (r"Connection aborted|Connection reset|RemoteDisconnected|IncompleteRead", "the server closed the connection"),
    (
        r"error code 40[13]|40[13] Client Error|UNAUTHENTICATED|PERMISSION_DENIED",
        "the server refused the login; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    ),
    (r"error code (429|5\d\d)|too many (429|5\d\d)|INTERNAL_ERROR|Server Error", "the server reports an error"),
    (
        r"not in a valid JSON format|ParseError|JSONDecodeError|Invalid(Chunk|Header)|ProtocolError|error code 404",
        "the answer is not that of an MLflow server",
    ),
)
"""Symptoms in the text of an error, in their order, and what they mean."""


def main() -> None:
    """Does the job."""
    job = json.load(sys.stdin)
    signal.alarm(job["seconds"])  # ends this process, if the one that started it is gone
    _limit_memory(job["memory_bytes"])
    with contextlib.redirect_stdout(sys.stderr):  # MLflow prints
        outcome = log_to_mlflow(job)
    sys.stdout.write(json.dumps(outcome))


def log_to_mlflow(job: dict[str, Any]) -> dict[str, Any]:
    """Logs a run and those below it.

    Args:
        job: `uri` of the server or database, without a login; name of the `experiment`; `artifacts`, the folder for the
            files of a new experiment, or null for the server's own; and the `run`, a `TrackedRun` as a dictionary.

    Returns:
        `experiment` and `run`, their ids in MLflow; or, after any error, the `problem`, and in `begun` whether a part
        was logged.
    """
    unfinished: list[str] = []
    try:
        from mlflow.tracking import MlflowClient

        client = MlflowClient(tracking_uri=job["uri"])
        experiment = _experiment_id(client, job["experiment"], job["artifacts"])
        run = _log_run(client, experiment, job["run"], {}, unfinished)
    except Exception as error:
        traceback.print_exc()
        with contextlib.suppress(Exception):  # the server may be gone
            for run_id in reversed(unfinished):
                client.set_terminated(run_id, "FAILED")
        return {"problem": _reason(error), "begun": bool(unfinished)}
    return {"experiment": experiment, "run": run}


def _experiment_id(client: MlflowClient, name: str, artifacts: str | None) -> str:
    """Returns the id of an experiment, which is created if it does not exist."""
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return str(client.create_experiment(name, artifacts))
        except Exception:
            experiment = client.get_experiment_by_name(name)  # another run may have created it meanwhile
            if experiment is None:
                raise
    return str(experiment.experiment_id)


def _log_run(
    client: MlflowClient, experiment: str, run: dict[str, Any], tags: dict[str, str], unfinished: list[str]
) -> str:
    from mlflow.entities import Metric, Param

    created = client.create_run(experiment, run["started"], {**run["tags"], **tags}, run["name"])
    run_id = str(created.info.run_id)
    unfinished.append(run_id)
    for parameters in _batches(run["parameters"].items(), _PARAMETERS_PER_REQUEST):
        client.log_batch(run_id, params=[Param(name, value) for name, value in parameters])
    for metrics in _batches(run["metrics"], _METRICS_PER_REQUEST):
        client.log_batch(run_id, metrics=[Metric(name, value, run["ended"], step) for name, value, step in metrics])
    for child in run["children"]:
        _log_run(client, experiment, child, {"mlflow.parentRunId": run_id}, unfinished)
    for path, folder in run["files"].items():
        client.log_artifact(run_id, path, folder or None)
    for path, folder in run["folders"].items():
        client.log_artifacts(run_id, path, folder)
    client.set_terminated(run_id, "FINISHED", run["ended"])
    unfinished.remove(run_id)
    return run_id


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    remaining = iter(items)
    while batch := list(itertools.islice(remaining, size)):
        yield batch


def _limit_memory(more: int) -> None:
    """Lets this process use no more than `more` bytes in addition to what it uses now: an answer may never end."""
    with open("/proc/self/statm", encoding="ascii") as statistics:  # noqa: PTH123 (no file on a disk)
        used = int(statistics.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = used + more if hard == resource.RLIM_INFINITY else min(used + more, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yields an error and those that it was raised after: MLflow's own repeat the text of these, or nothing."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reason(error: Exception) -> str:
    text = "\n".join(f"{type(cause).__name__}: {cause}" for cause in _chain(error))
    known = next((reason for symptom, reason in _REASONS if re.search(symptom, text, re.IGNORECASE)), None)
    return known or message_of_library(error) or type(error).__name__


if __name__ == "__main__":
    main()
