"""What the containers of a run printed.

KFP's v2beta1 API has no method for it and kfp's client none either (kubeflow/pipelines#12388). The API server has an
older path, `/apis/v1alpha1/runs/RUN/nodes/POD/log`, which reads the pod's log, or the archived one where the pod is
gone and the cluster archives logs. The web page in front of it has `/k8s/pod/logs` and hands the older path on to
nobody. Both want the pod's name, which v2beta1 does not tell: it is in the Argo workflow that
`/apis/v1beta1/runs/RUN` gives.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.kubeflow.compile.task_names import task_name
from pipeline.kubeflow.server.client import Server, ServerError, UsageError
from pipeline.kubeflow.server.runs import NOT_FOUND, get_run

_EXECUTOR = "executor"
"""Argo's name of the step that runs a node's own container; the others are KFP's drivers."""
_FAILED = ("Failed", "Error")
_REFUSED = (401, 403)


@dataclasses.dataclass(frozen=True)
class PodLog:
    """What one container printed.

    Attributes:
        node: the pipeline's node.
        pod: the Kubernetes pod's name.
        text: what it printed.
    """

    node: str
    pod: str
    text: str


@dataclasses.dataclass(frozen=True)
class _Pod:
    node: str
    name: str
    failed: bool


def read_logs(server: Server, run_id: str, node: str | None = None) -> Iterator[PodLog]:
    """Reads a node's logs, one a try where it was tried again; without a node those of all that failed.

    Args:
        server: where it runs.
        run_id: the run.
        node: a node's id (`SegmentationTrainer.fcn8`) or its task's name (`SegmentationTrainer-fcn8`).

    Raises:
        UsageError: the run has no such node, or none that failed.
        ServerError: no such run, or the server has no log.
    """
    names = [part.name for part in get_run(server, run_id).nodes]
    workflow = _workflow(server, run_id)
    pods = list(_pods(workflow, names))
    which = ", ".join(names) or "none that the server tells of"
    if node is None:
        wanted = [pod for pod in pods if pod.failed]
        if not wanted:
            raise UsageError(f"no node of the run has failed; name one: {which}")
    elif task_name(node) not in names:
        raise UsageError(f"the run has no node {node!r}; it has {which}")
    else:
        wanted = [pod for pod in pods if pod.node == task_name(node)]
        if not wanted:
            raise UsageError(f"{node} has no container: it has not begun, or its result came from the cache")
    for pod in wanted:
        yield PodLog(pod.node, pod.name, _text(server, run_id, pod.name, workflow))


def _workflow(server: Server, run_id: str) -> dict[str, Any]:
    """The Argo workflow of a run."""
    answer = json.loads(server.get_text(f"/apis/v1beta1/runs/{run_id}"))
    manifest = (answer.get("pipeline_runtime") or {}).get("workflow_manifest")
    if not manifest:
        raise ServerError(
            f"{server.host} does not tell which pods the run has; kubectl get pods -l pipeline/runid={run_id}"
        )
    return json.loads(manifest)


def _pods(workflow: Mapping[str, Any], nodes: list[str]) -> Iterator[_Pod]:
    """The pods of nodes' own containers, in the pipeline's order."""
    statuses: dict[str, Any] = (workflow.get("status") or {}).get("nodes") or {}
    by_name = {status.get("displayName"): status for status in statuses.values()}
    for node in nodes:
        waiting = list((by_name.get(node) or {}).get("children") or [])
        seen: set[str] = set()
        while waiting:
            status = statuses.get(waiting.pop(0))
            if status is None or status["id"] in seen or not status.get("displayName", "").startswith(_EXECUTOR):
                continue
            seen.add(status["id"])
            waiting += status.get("children") or []
            if status.get("type") == "Pod":
                yield _Pod(node, _pod_name(workflow, status), status.get("phase") in _FAILED)


def _pod_name(workflow: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """A pod's name after Argo's rule since 3.4: the workflow's, the template's, and the last part of the id."""
    template = status.get("templateName") or (status.get("templateRef") or {}).get("template")
    name = workflow["metadata"]["name"]
    annotations = workflow["metadata"].get("annotations") or {}
    if annotations.get("workflows.argoproj.io/pod-name-format") == "v1" or not template:
        return status["id"]
    return f"{name}-{template}-{status['id'].rsplit('-', 1)[-1]}"


def _text(server: Server, run_id: str, pod: str, workflow: Mapping[str, Any]) -> str:
    """A pod's log: from the API server, or from the web page in front of it."""
    try:
        return server.get_text(f"/apis/v1alpha1/runs/{run_id}/nodes/{pod}/log")
    except ServerError as error:
        if error.status in _REFUSED:
            raise
        first = error
    namespace = server.namespace or workflow["metadata"].get("namespace", "")
    try:
        return server.get_text("/k8s/pod/logs", {"podname": pod, "runid": run_id, "podnamespace": namespace})
    except ServerError as error:
        said = error if first.status in (None, NOT_FOUND) else first
        raise ServerError(
            f"{said}\nthe pod {pod} may be gone and its log not archived; the store of archived logs, or "
            f"`kubectl logs -n {namespace or 'NAMESPACE'} {pod} -c main`, may have it",
            said.status,
        ) from error
