"""A server on localhost that answers as an MLflow server does, and fails on request."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPERIMENT = {
    "experiment_id": "7",
    "name": "tiny",
    "lifecycle_stage": "active",
    "artifact_location": "mlflow-artifacts:/7",
}


class FakeMlflow:
    """What the server has received, and the fault that it injects.

    Attributes:
        uri: its address.
        requests: the paths of all requests, in their order.
        logins: the headers `Authorization` of all requests.
        bodies: the bodies of the requests with JSON.
        fault: what it does from the request with the number `first` on, counted from 0: `page` answers a page of HTML,
            `list` JSON that is no object, `other` JSON of another service, `login` refuses the login and repeats it,
            `error` fails, `later` asks for a retry in an hour, `drop` closes the connection, `stall` never answers,
            `endless` never ends its answer; empty for none.
        first: see `fault`.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.logins: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.fault, self.first = "", 0
        self._stopped = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake.answer(self)

            def do_POST(self) -> None:
                fake.answer(self)

            def do_PUT(self) -> None:
                fake.answer(self)

            def log_message(self, *_: Any) -> None:
                """Nothing is logged."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stops the server."""
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answers a request, or injects the fault."""
        path = request.path.partition("?")[0]
        self.requests.append(path)
        self.logins.append(request.headers.get("Authorization", ""))
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        if request.command == "POST":
            self.bodies.append(json.loads(body))
        fault = self.fault if len(self.requests) > self.first else ""
        with contextlib.suppress(OSError):  # the client may be gone
            _answer(request, fault, _content(path), self._stopped)


def _content(path: str) -> dict[str, Any]:
    run = {"info": {"run_id": "a1", "experiment_id": "7", "artifact_uri": "mlflow-artifacts:/7/a1/artifacts"}}
    if path.endswith("/experiments/get-by-name"):
        return {"experiment": EXPERIMENT}
    if path.endswith(("/runs/create", "/runs/get")):
        return {"run": {**run, "data": {}}}
    return {"run_info": run["info"]} if path.endswith("/runs/update") else {}


def _answer(request: BaseHTTPRequestHandler, fault: str, content: dict[str, Any], stopped: threading.Event) -> None:
    status = {"login": 401, "error": 500, "later": 429}.get(fault, 200)
    text = {
        "page": "<html>welcome</html>",
        "list": "[1, 2]",
        "other": '{"status": "ok", "run": 3, "experiment": []}',
        "login": f"no: {request.headers.get('Authorization')} {request.headers.get('Authorization')}",
    }.get(fault, json.dumps(content))
    if fault == "drop":
        request.connection.close()
        return
    if fault == "stall":
        stopped.wait()
        return
    request.send_response(status)
    if fault == "later":
        request.send_header("Retry-After", "3600")
    if fault != "endless":
        request.send_header("Content-Length", str(len(text)))
    request.end_headers()
    request.wfile.write(text.encode())
    while fault == "endless" and not stopped.is_set():
        request.wfile.write(b" " * 2**20)


@contextlib.contextmanager
def fake_mlflow(fault: str = "", first: int = 0) -> Iterator[FakeMlflow]:
    """Runs a server inside the `with` block."""
    fake = FakeMlflow()
    fake.fault, fake.first = fault, first
    try:
        yield fake
    finally:
        fake.stop()


def unused_address() -> str:
    """Returns an address on localhost where nothing listens."""
    with fake_mlflow() as fake:
        return fake.uri
