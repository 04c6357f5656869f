"""A server on localhost that imitates the API of Kubeflow Pipelines: v2beta1, and the older paths for logs.

Paths, JSON and error bodies are those of kubeflow/pipelines' `backend/api/v2beta1` and its gRPC gateway. A test sets
the states of its runs; each request for a run moves the run to the next state.
"""
# All handlers have the same parameters.
# ruff: noqa: ARG002

from __future__ import annotations

import dataclasses
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NEVER = "1970-01-01T00:00:00Z"
BEGIN, END = "2026-03-01T10:00:00Z", "2026-03-01T10:02:05Z"
WORKFLOW = "small-x7k2p"


class RefusalError(Exception):
    """Makes the server answer with an HTTP error; `code` is the gRPC code."""

    def __init__(self, status: int, code: int, message: str):
        super().__init__(message)
        self.status, self.code = status, code


@dataclasses.dataclass
class KFPServer:
    """The server's content and behaviour.

    Attributes:
        url: the server's address.
        token: the bearer token that requests need; None if they need no token.
        forbidden: whether the user lacks all permissions.
        login_page: whether the server answers every request with a login page.
        raw_answer: the bytes that the server sends in answer to every request, without a header.
        echoes: whether refusals and the names of runs repeat the request's header with the token.
        web_page_only: whether it is the web server in front of the API, which does not forward v1alpha1.
        multi_user: whether the server has several users, with namespaces.
        states: the states of each new run, one per request.
        failed_node: the node that fails if the run fails.
        failures: number of coming requests for a run that get the status 503.
        experiments: the experiments by id.
        runs: the runs by id.
        run_requests: number of requests for each run so far.
        recurring: the recurring runs by id.
        logs: the logs by pod.
        workflow: the Argo workflow of all runs.
        requests: method, path and query of every request.
    """

    url: str = ""
    token: str | None = None
    forbidden: bool = False
    login_page: bool = False
    raw_answer: bytes | None = None
    echoes: bool = False
    web_page_only: bool = False
    multi_user: bool = False
    states: tuple[str, ...] = ("PENDING", "RUNNING", "SUCCEEDED")
    failed_node: str | None = None
    failures: int = 0
    experiments: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    run_requests: dict[str, int] = dataclasses.field(default_factory=dict)
    recurring: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    logs: dict[str, str] = dataclasses.field(default_factory=dict)
    workflow: dict[str, Any] | None = None
    requests: list[tuple[str, str, dict[str, str]]] = dataclasses.field(default_factory=list)

    def add_experiment(self, name: str, namespace: str = "") -> dict[str, Any]:
        made = {"experiment_id": f"e{len(self.experiments) + 1}", "display_name": name, "namespace": namespace}
        self.experiments[made["experiment_id"]] = made
        return made

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        for pattern, handler in _ROUTES:
            match = re.fullmatch(pattern, f"{method} {path}")
            if match:
                return handler(self, *match.groups(), query=query, body=body)
        raise RefusalError(404, 5, "Not Found")

    def healthz(self, query: Any, body: Any) -> Any:
        return {"multi_user": self.multi_user}

    def list_experiments(self, query: dict[str, str], body: Any) -> Any:
        found = list(self.experiments.values())
        if query.get("filter"):
            wanted = json.loads(query["filter"])["predicates"][0]
            key = wanted.get("stringValue", wanted.get("string_value"))
            found = [experiment for experiment in found if experiment["display_name"] == key]
        return {"experiments": found, "total_size": len(found)} if found else {}

    def create_experiment(self, query: Any, body: Any) -> Any:
        return self.add_experiment(body["display_name"], body.get("namespace", ""))

    def create_run(self, query: Any, body: Any) -> Any:
        _check_spec(body)
        self._experiment(body)
        run_id = f"run-{len(self.runs) + 1}"
        self.runs[run_id] = {**body, "run_id": run_id, "created_at": BEGIN}
        return self._shown(run_id)

    def get_run(self, run_id: str, query: Any, body: Any) -> Any:
        if run_id not in self.runs:
            raise RefusalError(404, 5, f"Failed to get a run: ResourceNotFoundError: Run {run_id} not found.")
        if self.failures:
            self.failures -= 1
            raise RefusalError(503, 14, "upstream connect error")
        self.run_requests[run_id] = self.run_requests.get(run_id, -1) + 1
        return self._shown(run_id)

    def list_runs(self, query: dict[str, str], body: Any) -> Any:
        chosen = [
            self._shown(run_id)
            for run_id, run in reversed(self.runs.items())
            if query.get("experiment_id") in (None, "", run["experiment_id"])
        ]
        return {"runs": chosen[: int(query["page_size"])], "total_size": len(chosen)}

    def create_recurring(self, query: Any, body: Any) -> Any:
        _check_spec(body)
        self._experiment(body)
        recurring_id = f"recurring-{len(self.recurring) + 1}"
        status = "ENABLED" if body["mode"] == "ENABLE" else "DISABLED"
        self.recurring[recurring_id] = {**body, "recurring_run_id": recurring_id, "status": status}
        return self.recurring[recurring_id]

    def list_recurring(self, query: dict[str, str], body: Any) -> Any:
        return {"recurringRuns": list(self.recurring.values())}

    def change_recurring(self, recurring_id: str, action: str, query: Any, body: Any) -> Any:
        self._recurring(recurring_id)["status"] = f"{action.upper()}D"
        return {}

    def delete_recurring(self, recurring_id: str, query: Any, body: Any) -> Any:
        self._recurring(recurring_id)
        del self.recurring[recurring_id]
        return {}

    def old_run(self, run_id: str, query: Any, body: Any) -> Any:
        manifest = json.dumps(self.workflow) if self.workflow else ""
        return {"run": {"id": run_id}, "pipeline_runtime": {"workflow_manifest": manifest}}

    def api_log(self, run_id: str, pod: str, query: Any, body: Any) -> Any:
        if self.web_page_only:
            return "<!doctype html><html></html>"
        return self._log(pod)

    def page_log(self, query: dict[str, str], body: Any) -> Any:
        if not self.web_page_only:
            raise RefusalError(404, 5, "Not Found")
        return self._log(query["podname"])

    def _log(self, pod: str) -> str:
        if pod not in self.logs:
            raise RefusalError(500, 13, f"Failed to read logs from pod {pod} due to error fetching the pod")
        return self.logs[pod]

    def _experiment(self, body: dict[str, Any]) -> None:
        if body.get("experiment_id") not in self.experiments:
            raise RefusalError(404, 5, f"ResourceNotFoundError: Experiment {body.get('experiment_id')} not found.")

    def _recurring(self, recurring_id: str) -> dict[str, Any]:
        if recurring_id not in self.recurring:
            raise RefusalError(404, 5, f"Failed to get a recurring run: Job {recurring_id} not found.")
        return self.recurring[recurring_id]

    def _shown(self, run_id: str) -> dict[str, Any]:
        run = self.runs[run_id]
        state = self.states[min(max(self.run_requests.get(run_id, 0), 0), len(self.states) - 1)]
        finished = state in ("SUCCEEDED", "FAILED", "CANCELED")
        spec = run["pipeline_spec"]
        tasks = spec.get("pipeline_spec", spec)["root"]["dag"]["tasks"]
        names = sorted(tasks, key=lambda name: len(tasks[name].get("dependentTasks", [])))
        details = [{"display_name": WORKFLOW, "state": state}]
        for index, name in enumerate(names):
            failed = finished and state == "FAILED" and name == self.failed_node
            node_state = "FAILED" if failed else "SUCCEEDED" if finished or index == 0 else state
            details += [
                {"display_name": f"{name}-driver", "state": "SUCCEEDED", "start_time": BEGIN, "end_time": BEGIN},
                {
                    "display_name": name,
                    "state": node_state,
                    "start_time": BEGIN,
                    "end_time": END if node_state != "RUNNING" else NEVER,
                },
                {"display_name": "executor", "state": node_state, "start_time": BEGIN, "end_time": END},
            ]
        shown = {**run, "state": state, "finished_at": END if finished else NEVER}
        if state != "PENDING":
            shown["run_details"] = {"task_details": details}
        if state == "FAILED":
            shown["error"] = {"code": 13, "message": f"node {self.failed_node} exited with 1"}
        return shown


_ROUTES: tuple[tuple[str, Callable[..., Any]], ...] = (
    (r"GET /apis/v2beta1/healthz", KFPServer.healthz),
    (r"GET /apis/v2beta1/experiments", KFPServer.list_experiments),
    (r"POST /apis/v2beta1/experiments", KFPServer.create_experiment),
    (r"POST /apis/v2beta1/runs", KFPServer.create_run),
    (r"GET /apis/v2beta1/runs", KFPServer.list_runs),
    (r"GET /apis/v2beta1/runs/([^/:]+)", KFPServer.get_run),
    (r"POST /apis/v2beta1/recurringruns", KFPServer.create_recurring),
    (r"GET /apis/v2beta1/recurringruns", KFPServer.list_recurring),
    (r"POST /apis/v2beta1/recurringruns/([^/:]+):(enable|disable)", KFPServer.change_recurring),
    (r"DELETE /apis/v2beta1/recurringruns/([^/:]+)", KFPServer.delete_recurring),
    (r"GET /apis/v1beta1/runs/([^/:]+)", KFPServer.old_run),
    (r"GET /apis/v1alpha1/runs/([^/:]+)/nodes/([^/:]+)/log", KFPServer.api_log),
    (r"GET /k8s/pod/logs", KFPServer.page_log),
)


def _check_spec(body: dict[str, Any]) -> None:
    """Imitates the server's first checks of a specification: its schema version and the types of parameters."""
    values = body["pipeline_spec"]
    spec = json_format.ParseDict(values.get("pipeline_spec", values), pipeline_spec_pb2.PipelineSpec())
    if not spec.schema_version.startswith("2."):
        raise RefusalError(
            400, 3, f"Failed to create a run: InvalidInputError: unsupported schema version {spec.schema_version!r}."
        )
    parameters = body.get("runtime_config", {}).get("parameters", {})
    for name, value in parameters.items():
        kind = spec.root.input_definitions.parameters[name].parameter_type
        if kind == pipeline_spec_pb2.ParameterType.NUMBER_INTEGER and not isinstance(value, int):
            raise RefusalError(400, 3, f"InvalidInputError: input parameter {name} requires type int or float")


class _Handler(BaseHTTPRequestHandler):
    kfp: KFPServer

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.kfp.requests.append((self.command, parts.path, query))
        if self.kfp.raw_answer is not None:
            self.wfile.write(self.kfp.raw_answer)
            return None
        header = self.headers.get("Authorization") or ""
        try:
            if self.kfp.login_page:
                return self._send(200, "<!doctype html><title>Log in</title>", "text/html; charset=utf-8")
            if self.kfp.token is not None and header != f"Bearer {self.kfp.token}":
                echo = f" Yours is {header}" if self.kfp.echoes else ""
                raise RefusalError(401, 16, f"Request header error: there is no user identity header.{echo}")
            if self.kfp.forbidden and parts.path != "/apis/v2beta1/healthz":
                raise RefusalError(403, 7, "User 'someone@example.com' is not authorized with reason: no role binding.")
            answer = self.kfp.answer(self.command, parts.path, query, body)
        except RefusalError as refusal:
            details = {"error": str(refusal), "code": refusal.code, "message": str(refusal), "details": []}
            return self._send(refusal.status, json.dumps(details), "application/json")
        if self.kfp.echoes and isinstance(answer, dict):
            for run in answer.get("runs", [answer]):
                run["display_name"] = header
        if isinstance(answer, str):
            answer += header if self.kfp.echoes else ""
            return self._send(200, answer, "text/html" if answer.startswith("<!doctype") else "text/plain")
        return self._send(200, json.dumps(answer), "application/json")

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815

    def _send(self, status: int, text: str, content_type: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running_server() -> Iterator[KFPServer]:
    """Runs a server inside the `with` block."""
    kfp = KFPServer()
    kfp.add_experiment("Default")
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"kfp": kfp}))
    kfp.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield kfp
    finally:
        server.shutdown()
        server.server_close()
