"""The status of a run and of its nodes, read from the API's answers."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.kubeflow.node.backend import BackendError, task_order

SUCCEEDED = "SUCCEEDED"
FINISHED_STATES = (SUCCEEDED, "FAILED", "SKIPPED", "CANCELED")
"""Final states of a run. kfp's own waiting does not know CANCELED and would never end."""


@dataclasses.dataclass(frozen=True)
class NodeStatus:
    """The status of a node of a run.

    Attributes:
        name: the name of its task, such as `SegmentationTrainer-fcn8`.
        state: KFP's name of the state; PENDING if the node has not started.
        seconds: its duration so far or in total; None if it has not started.
        error: the error message of a failed node; empty otherwise.
    """

    name: str
    state: str
    seconds: float | None
    error: str = ""


@dataclasses.dataclass(frozen=True)
class RunStatus:
    """The status of a run.

    Attributes:
        run_id: the server's id.
        name: the display name.
        state: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELED, …
        created: time of creation, UTC; None if the server does not report it.
        seconds: its duration so far or in total; None if the server does not report it.
        error: the server's error message of a failed run; empty otherwise.
        nodes: the pipeline's tasks, in the pipeline's order.
        experiment_id: the experiment that the run belongs to.
    """

    run_id: str
    name: str
    state: str
    created: datetime.datetime | None
    seconds: float | None
    error: str
    nodes: tuple[NodeStatus, ...]
    experiment_id: str

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self.state in FINISHED_STATES


def run_status(run: Any) -> RunStatus:
    """Converts kfp's run object."""
    details = {detail.display_name: detail for detail in (run.run_details and run.run_details.task_details) or []}
    names = _task_names(run.pipeline_spec) or details
    return RunStatus(
        run_id=run.run_id,
        name=run.display_name or "",
        state=run.state or "PENDING",
        created=run.created_at,
        seconds=_seconds(run.created_at, run.finished_at),
        error=run.error.message if run.error and run.error.message else "",
        nodes=tuple(_node_status(name, details.get(name)) for name in names),
        experiment_id=run.experiment_id or "",
    )


def _task_names(spec: Any) -> list[str]:
    """Returns the pipeline's tasks in the pipeline's order. The server's own list is unordered and contains drivers."""
    if not isinstance(spec, dict):
        return []
    values = spec.get("pipeline_spec", spec)  # the server uses this key if there is a second document
    try:
        return task_order(json_format.ParseDict(values, pipeline_spec_pb2.PipelineSpec(), ignore_unknown_fields=True))
    except (json_format.ParseError, BackendError):
        return []


def _node_status(name: str, detail: Any) -> NodeStatus:
    if detail is None:
        return NodeStatus(name, "PENDING", None)
    error = detail.error.message if detail.error and detail.error.message else ""
    return NodeStatus(name, detail.state or "PENDING", _seconds(detail.start_time, detail.end_time), error)


def _seconds(begin: datetime.datetime | None, end: datetime.datetime | None) -> float | None:
    """Returns the time between two events; for an event that has not happened yet the server reports 1970."""
    if begin is None or begin.year <= 1970:
        return None
    if end is None or end.year <= 1970:
        end = datetime.datetime.now(datetime.UTC)
    return max(0.0, (end - begin).total_seconds())
