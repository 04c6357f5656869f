"""Runs on a Kubeflow Pipelines server: submit one, look at it, wait for it, list them."""

from __future__ import annotations

import dataclasses
import datetime
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.kubeflow.node.emulation import task_order
from pipeline.kubeflow.node.executor_input import BackendError
from pipeline.kubeflow.server.client import Server, ServerError, UsageError

DEFAULT_EXPERIMENT = "Default"
"""The experiment that every server has."""

SUCCEEDED = "SUCCEEDED"
FINISHED = (SUCCEEDED, "FAILED", "SKIPPED", "CANCELED")
"""States that a run stays in. kfp's own waiting does not know CANCELED and would go on for ever."""

POLL_SECONDS = 5.0
MAX_SILENCE = 12
"""How many polls in a row may go unanswered before the watching gives up; a port-forward breaks now and then."""

NOT_FOUND = 404


@dataclasses.dataclass(frozen=True)
class Node:
    """A node of a run.

    Attributes:
        name: of its task, such as `SegmentationTrainer-fcn8`.
        state: KFP's word, or PENDING where it has not begun.
        seconds: how long it ran, or has been running; None where it has not begun.
        error: why it failed, empty where it did not.
    """

    name: str
    state: str
    seconds: float | None
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        run_id: the server's id.
        name: for people.
        state: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELED, …
        created: when, UTC; None where the server does not say.
        seconds: how long it took, or has taken so far; None where the server does not say.
        error: why it failed, in the server's words.
        nodes: the pipeline's tasks, in its order.
        experiment_id: the experiment it belongs to.
    """

    run_id: str
    name: str
    state: str
    created: datetime.datetime | None
    seconds: float | None
    error: str
    nodes: tuple[Node, ...]
    experiment_id: str

    @property
    def finished(self) -> bool:
        """Whether the state stays as it is."""
        return self.state in FINISHED


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a spec is run.

    Attributes:
        experiment: the experiment's name; made where the server has none of that name.
        name: of the run, for people.
        parameters: values of the spec's parameters.
        pipeline_root: where artifacts go instead of where the spec says.
        caching: false runs every node anew, None leaves it to the spec.
        service_account: the Kubernetes service account of the pods.
    """

    experiment: str
    name: str
    parameters: dict[str, Any]
    pipeline_root: str | None = None
    caching: bool | None = None
    service_account: str | None = None


def submit(server: Server, file: Path, settings: Settings) -> str:
    """Starts a run of a specification in YAML and returns its id.

    Raises:
        ServerError: the server did not take it.
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
    return run.run_id


def get_run(server: Server, run_id: str) -> Run:
    """Looks at a run.

    Raises:
        ServerError: there is none of that id, or the server did not answer.
    """
    return _run(_raw_run(server, run_id))


def list_runs(server: Server, *, experiment: str | None = None, count: int = 20) -> list[Run]:
    """The latest runs, newest first, of one experiment or all.

    Raises:
        UsageError: no such experiment.
        ServerError: the server did not answer.
    """
    return [_run(run) for run in latest(server, "runs", experiment, count)]


def latest(server: Server, kind: str, experiment: str | None, count: int) -> list[Any]:
    """What the server has of a kind, newest first, as kfp's client gives it.

    Args:
        server: the server.
        kind: `runs` or `recurring_runs`.
        experiment: the name of the experiment that they belong to; None for all.
        count: how many at most.

    Raises:
        UsageError: no such experiment.
        ServerError: the server did not answer.
    """
    experiment_id = find_experiment(server, experiment) if experiment else None
    with server.client() as client:
        answer = getattr(client, f"list_{kind}")(
            page_size=count,
            sort_by="created_at desc",
            experiment_id=experiment_id,
            namespace=server.namespace or None,
        )
    return getattr(answer, kind) or []


def find_experiment(server: Server, name: str) -> str:
    """The id of an experiment.

    Raises:
        UsageError: there is none of that name; the message lists those that there are.
    """
    predicate = {"operation": 1, "key": "display_name", "stringValue": name}  # 1: equals
    with server.client() as client:
        found = client.list_experiments(
            filter=json.dumps({"predicates": [predicate]}), namespace=server.namespace or None
        ).experiments
        if found:
            return found[0].experiment_id
        others = client.list_experiments(page_size=20, namespace=server.namespace or None).experiments or []
    names = ", ".join(sorted(other.display_name for other in others)) or "none"
    raise UsageError(f"experiment {name!r} is unknown to {server.host}; it has {names}")


def wait_for(
    server: Server,
    run_id: str,
    on_change: Callable[[Run], None],
    *,
    poll_seconds: float = POLL_SECONDS,
) -> Run:
    """Watches a run until it is finished.

    Args:
        server: where it runs.
        run_id: the run.
        on_change: called at first and whenever the run's or a node's state has changed.
        poll_seconds: between two looks.

    Raises:
        ServerError: the run is unknown, the token is refused, or nothing was heard for MAX_SILENCE looks.
    """
    seen: object = None
    silence = 0
    while True:
        try:
            run = get_run(server, run_id)
        except ServerError as error:
            silence += 1
            passing = error.status is None or error.status >= 500
            if not passing or silence >= MAX_SILENCE:
                raise
        else:
            silence = 0
            states = (run.state, tuple((node.name, node.state) for node in run.nodes))
            if states != seen:
                seen = states
                on_change(run)
            if run.finished:
                return run
        time.sleep(poll_seconds)


def _raw_run(server: Server, run_id: str) -> Any:
    try:
        with server.client() as client:
            return client.get_run(run_id)
    except ServerError as error:
        if error.status == NOT_FOUND:
            raise ServerError(
                f"run {run_id!r} is unknown to {server.host}; `vocseg kubeflow list` shows those that there are",
                NOT_FOUND,
            ) from error
        raise


def _run(raw: Any) -> Run:
    details = {detail.display_name: detail for detail in (raw.run_details and raw.run_details.task_details) or []}
    names = _task_names(raw.pipeline_spec) or details
    return Run(
        run_id=raw.run_id,
        name=raw.display_name or "",
        state=raw.state or "PENDING",
        created=raw.created_at,
        seconds=_seconds(raw.created_at, raw.finished_at),
        error=raw.error.message if raw.error and raw.error.message else "",
        nodes=tuple(_node(name, details.get(name)) for name in names),
        experiment_id=raw.experiment_id or "",
    )


def _task_names(spec: Any) -> list[str]:
    """The pipeline's tasks, in its order. The server tells of their drivers besides, and keeps no order."""
    if not isinstance(spec, dict):
        return []
    values = spec.get("pipeline_spec", spec)  # it is under this key where there is a platform's part beside it
    try:
        return task_order(json_format.ParseDict(values, pipeline_spec_pb2.PipelineSpec(), ignore_unknown_fields=True))
    except (json_format.ParseError, BackendError):
        return []


def _node(name: str, detail: Any) -> Node:
    if detail is None:
        return Node(name, "PENDING", None)
    error = detail.error.message if detail.error and detail.error.message else ""
    return Node(name, detail.state or "PENDING", _seconds(detail.start_time, detail.end_time), error)


def _seconds(begin: datetime.datetime | None, end: datetime.datetime | None) -> float | None:
    """The time between; the server writes 1970 for a time that is not yet known."""
    if begin is None or begin.year <= 1970:
        return None
    if end is None or end.year <= 1970:
        end = datetime.datetime.now(datetime.UTC)
    return max(0.0, (end - begin).total_seconds())
