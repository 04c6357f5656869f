"""Reads what the containers of a run printed.

Neither KFP's v2beta1 API nor kfp's client has a method for logs (kubeflow/pipelines#12388). The API server has an older
path, `/apis/v1alpha1/runs/RUN/nodes/POD/log`. It returns the pod's log, or the archived log if the pod no longer exists
and the cluster archives logs. The web server in front of the API server has `/k8s/pod/logs` and does not forward the
older path. Both need the pod's name, which v2beta1 does not report: it is in the Argo workflow that
`/apis/v1beta1/runs/RUN` returns.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from pipeline.kubeflow.compile.specification import task_name
from pipeline.kubeflow.server.client import Server, ServerError, UsageError
from pipeline.kubeflow.server.runs import NOT_FOUND, get_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_EXECUTOR = "executor"
"""Argo's name of the step that runs a node's own container; the other steps are KFP's drivers."""
_FAILED_PHASES = ("Failed", "Error")
_UNAUTHORIZED = (401, 403)


@dataclasses.dataclass(frozen=True)
class PodLog:
    """The log of one container.

    Attributes:
        node: the task's name of the pipeline's node.
        pod: name of the Kubernetes pod.
        text: the log.
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
    """Yields the logs of a node, one per attempt; without a node, the logs of all failed nodes.

    Args:
        server: the server that runs it.
        run_id: the run's id.
        node: a node's id (`SegmentationTrainer.fcn8`) or its task's name (`SegmentationTrainer-fcn8`).

    Raises:
        UsageError: the run has no such node, no container for it, or no failed node.
        ServerError: the run is unknown, or the server has no log.
    """
    names = [status.name for status in get_run(server, run_id).nodes]
    workflow = _workflow(server, run_id)
    pods = list(_pods(workflow, names))
    nodes = ", ".join(names) or "not reported by the server"
    if node is None:
        wanted = [pod for pod in pods if pod.failed]
        if not wanted:
            raise UsageError(f"no node of the run has failed; name a node to read its log. The nodes are {nodes}")
    elif task_name(node) not in names:
        raise UsageError(f"the run has no node {node!r}; the nodes are {nodes}")
    else:
        wanted = [pod for pod in pods if pod.node == task_name(node)]
        if not wanted:
            raise UsageError(f"{node} has no container: it has not started, or its output came from the cache")
    for pod in wanted:
        yield PodLog(pod.node, pod.name, _read_log(server, run_id, pod.name, workflow))


def _workflow(server: Server, run_id: str) -> dict[str, Any]:
    """Returns the Argo workflow of a run."""
    try:
        answer = json.loads(server.get_text(f"/apis/v1beta1/runs/{run_id}"))
        manifest = (answer.get("pipeline_runtime") or {}).get("workflow_manifest")
        workflow: dict[str, Any] = json.loads(manifest) if manifest else {}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ServerError(f"{server.host} does not describe the run as the API does: {error}") from error
    if not workflow:
        raise ServerError(
            f"{server.host} does not report the pods of the run; list them with: "
            f"kubectl get pods -l pipeline/runid={run_id}"
        )
    return workflow


def _pods(workflow: Mapping[str, Any], nodes: list[str]) -> Iterator[_Pod]:
    """Yields the pods of the nodes' own containers, in the pipeline's order."""
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
                yield _Pod(node, _pod_name(workflow, status), status.get("phase") in _FAILED_PHASES)


def _pod_name(workflow: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """Returns a pod's name by Argo's rule since 3.4: workflow name, template name and the last part of the id."""
    template = status.get("templateName") or (status.get("templateRef") or {}).get("template")
    name = workflow["metadata"]["name"]
    annotations = workflow["metadata"].get("annotations") or {}
    if annotations.get("workflows.argoproj.io/pod-name-format") == "v1" or not template:
        return str(status["id"])
    return f"{name}-{template}-{status['id'].rsplit('-', 1)[-1]}"


def _read_log(server: Server, run_id: str, pod: str, workflow: Mapping[str, Any]) -> str:
    """Reads a pod's log from the API server, or else from the web server in front of it."""
    try:
        return server.get_text(f"/apis/v1alpha1/runs/{run_id}/nodes/{pod}/log")
    except ServerError as error:
        if error.status in _UNAUTHORIZED:
            raise
        api_error = error
    namespace = server.namespace or workflow["metadata"].get("namespace", "")
    try:
        return server.get_text("/k8s/pod/logs", {"podname": pod, "runid": run_id, "podnamespace": namespace})
    except ServerError as error:
        shown = error if api_error.status in (None, NOT_FOUND) else api_error
        raise ServerError(
            f"{shown}\nthe pod {pod} may no longer exist, without an archived log; look for the log in the cluster's "
            f"log archive, or try `kubectl logs -n {namespace or 'NAMESPACE'} {pod} -c main`",
            shown.status,
        ) from error
