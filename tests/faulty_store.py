"""An object store on localhost, served by moto, that fails on request: errors, resets, delays, answers in pieces."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

BUCKET = "s3://voc-seg"
FAULTS = ("500", "500 after", "reset", "reset after", "delay", "pages", "cut")
"""The store answers 500 or closes the connection, instead of its work or after it; it is slow, lists one object at a
time, or stops in the middle of an answer."""
FOREVER = 1_000_000
_DELAY_SECONDS = 0.05


class _Handler(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Nothing is logged."""


class FaultyStore:
    """A server; without `faults` it works as it should.

    Attributes:
        endpoint: its address.
        requests: the number of requests since the last call of `faults`.
    """

    def __init__(self) -> None:
        self._work = DomainDispatcherApplication(create_backend_app)
        self._fault, self._first, self._count = "", 0, 0
        self._lock = threading.Lock()
        self.requests = 0
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=_Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stops the server."""
        self._server.shutdown()

    @contextlib.contextmanager
    def faults(self, fault: str, first: int, count: int = 1) -> Iterator[None]:
        """Injects a fault into requests inside the `with` block, beginning with the `first`, counted from 1."""
        self.requests = 0
        self._fault, self._first, self._count = fault, first, count
        try:
            yield
        finally:
            self._count = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answers a request."""
        with self._lock:
            self.requests += 1
            fault = self._fault if self._first <= self.requests < self._first + self._count else ""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if environ.get("HTTP_TRANSFER_ENCODING") != "chunked":
            environ["wsgi.input"] = io.BytesIO(body)
        head = environ["REQUEST_METHOD"] == "HEAD"
        if fault == "reset":
            _reset(environ)
        if fault == "500":
            return _error(start_response, head=head)
        if fault == "delay":
            time.sleep(_DELAY_SECONDS)
        if fault == "pages" and "list-type" in parse_qs(environ["QUERY_STRING"]):
            environ["QUERY_STRING"] += "&max-keys=1"
        answer: list[Any] = []
        content = b"".join(self._work(environ, lambda *status: answer.extend(status)))
        if fault == "500 after":
            return _error(start_response, head=head)
        if fault == "reset after":
            _reset(environ)
        start_response(*answer)
        return [content[: len(content) // 2]] if fault == "cut" else [content]


def _error(start_response: Callable[..., Any], *, head: bool) -> list[bytes]:
    start_response("500 Internal Server Error", [("Content-Type", "application/xml")])
    return [] if head else [b"<Error><Code>InternalError</Code><Message>An internal error.</Message></Error>"]


def _reset(environ: dict[str, Any]) -> None:
    """Closes the connection without an answer."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError
