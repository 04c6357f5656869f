"""Submits, shows, lists and watches runs on a Kubeflow Pipelines server."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any

from pipeline.kubeflow.server.client import Server, ServerError, UsageError
from pipeline.kubeflow.server.run_status import RunStatus, run_status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEFAULT_EXPERIMENT = "Default"
"""The experiment that exists on every server."""

POLL_SECONDS = 5.0
"""Time between two requests while watching a run."""
MAX_FAILED_POLLS = 12
"""Number of consecutive failed polls after which watching a run fails; a port-forward can break for a while."""

NOT_FOUND = 404


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """Settings of a run.

    Attributes:
        experiment: name of the experiment; created if the server has no experiment of that name.
        name: display name of the run.
        parameters: values of the specification's parameters.
        pipeline_root: where artifacts are stored, in place of the specification's root.
        caching: False disables caching, None keeps the specification's setting.
        service_account: Kubernetes service account of the pods.
    """

    experiment: str
    name: str
    parameters: dict[str, Any]
    pipeline_root: str | None = None
    caching: bool | None = None
    service_account: str | None = None


def submit(server: Server, file: Path, settings: RunSettings) -> str:
    """Starts a run of a specification in YAML and returns the run's id.

    Raises:
        ServerError: the request failed.
    """
    with server.client() as client:
        experiment = client.create_experiment(settings.experiment, namespace=server.namespace or None)
        run = client.run_pipeline(
            experiment.experiment_id,
            settings.name,
            str(file),
            params=settings.parameters,
            pipeline_root=settings.pipeline_root,
            enable_caching=settings.caching,
            service_account=settings.service_account,
        )
    return str(run.run_id)


def get_run(server: Server, run_id: str) -> RunStatus:
    """Returns the status of a run.

    Raises:
        ServerError: the run is unknown, or the request failed.
    """
    try:
        with server.client() as client:
            return run_status(client.get_run(run_id))
    except ServerError as error:
        if error.status == NOT_FOUND:
            raise ServerError(
                f"run {run_id!r} does not exist on {server.host}; `vocseg kubeflow list` lists the runs", NOT_FOUND
            ) from error
        raise


def list_runs(server: Server, *, experiment: str | None = None, count: int = 20) -> list[RunStatus]:
    """Returns the latest runs of one experiment or of all, newest first.

    Raises:
        UsageError: the experiment does not exist.
        ServerError: the request failed.
    """
    return [run_status(run) for run in list_latest(server, "runs", experiment, count)]


def list_latest(server: Server, kind: str, experiment: str | None, count: int) -> list[Any]:
    """Returns the latest runs or recurring runs as kfp's objects, newest first.

    Args:
        server: the server.
        kind: `runs` or `recurring_runs`.
        experiment: name of the experiment that they belong to; None for all experiments.
        count: maximum number of results.

    Raises:
        UsageError: the experiment does not exist.
        ServerError: the request failed.
    """
    experiment_id = _find_experiment(server, experiment) if experiment else None
    with server.client() as client:
        answer = getattr(client, f"list_{kind}")(
            page_size=count,
            sort_by="created_at desc",
            experiment_id=experiment_id,
            namespace=server.namespace or None,
        )
    return getattr(answer, kind) or []


def _find_experiment(server: Server, name: str) -> str:
    """Returns the id of an experiment.

    Raises:
        UsageError: the experiment does not exist; the message lists the existing ones.
    """
    predicate = {"operation": 1, "key": "display_name", "stringValue": name}  # 1: equals
    with server.client() as client:
        found = client.list_experiments(
            filter=json.dumps({"predicates": [predicate]}), namespace=server.namespace or None
        ).experiments
        if found:
            return str(found[0].experiment_id)
        others = client.list_experiments(page_size=20, namespace=server.namespace or None).experiments or []
    names = ", ".join(sorted(other.display_name for other in others)) or "none"
    raise UsageError(f"experiment {name!r} does not exist on {server.host}; the experiments are: {names}")


def wait_for(server: Server, run_id: str, on_change: Callable[[RunStatus], None]) -> RunStatus:
    """Watches a run until it is finished and returns its final status.

    Args:
        server: the server that runs it.
        run_id: the run's id.
        on_change: called with the first status, and whenever the state of the run or of a node has changed.

    Raises:
        ServerError: the run is unknown, the token is refused, or MAX_FAILED_POLLS polls in a row have failed.
    """
    last_states: object = None
    failed_polls = 0
    while True:
        try:
            run = get_run(server, run_id)
        except ServerError as error:
            failed_polls += 1
            temporary = error.status is None or error.status >= 500
            if not temporary or failed_polls >= MAX_FAILED_POLLS:
                raise
        else:
            failed_polls = 0
            states = (run.state, tuple((node.name, node.state) for node in run.nodes))
            if states != last_states:
                last_states = states
                on_change(run)
            if run.finished:
                return run
        time.sleep(POLL_SECONDS)
