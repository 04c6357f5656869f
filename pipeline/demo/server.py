"""Loads the models and serves the page until the process is interrupted."""

from __future__ import annotations

import atexit
import ipaddress
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from components.allocator import loading_libraries
from pipeline.demo.app import make_app
from pipeline.demo.connections import Connections
from pipeline.demo.protection import host_name
from pipeline.demo.samples import sample_images
from pipeline.prediction.segmenter import load_segmenter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pipeline.demo.limits import Limits
    from pipeline.prediction.segmenter import Segmenter

_EXIT_INTERRUPTED = 130


class AddressError(ValueError):
    """The page cannot be served at an address; the message states the reason."""


def is_this_machine_only(host: str) -> bool:
    """Returns whether a host can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """Binds a socket; called before the models are loaded, so that a port in use is reported at once.

    Args:
        host: a name or an address.
        port: 0 selects a free port.

    Raises:
        AddressError: the port is in use, or the host is not an address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise AddressError(f"--host {host} is not an address of this machine: {error.strerror}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise AddressError(
            f"{host}, port {port} cannot be used ({error.strerror}): give another --port, or --port 0 for a free one"
        ) from error
    return listening


def serve(
    models: Sequence[str],
    listening: socket.socket,
    host: str,
    *,
    limits: Limits,
    allowed_hosts: Collection[str] = (),
    trust: bool = False,
    engine: str = "tensorflow",
    on_ready: Callable[[str], None],
) -> None:
    """Serves the page until the process is interrupted.

    Args:
        models: one or two, as for `load_segmenter`.
        listening: the socket that `listen` returned.
        host: as passed to `listen`.
        limits: what clients may send and use.
        allowed_hosts: names by which clients may reach the page, beside `host` and the address that they connect to.
        trust: as for `load_segmenter`.
        engine: as for `load_segmenter`.
        on_ready: called with the page's address when the server accepts requests.

    Raises:
        ModelError: a model cannot be used.
    """
    with loading_libraries():
        loaded = [load_segmenter(model, trust=trust, engine=engine) for model in models]
    titled = dict(zip(model_titles(models), loaded, strict=True))
    names = frozenset(host_name(name) for name in (host, *allowed_hosts))
    server = make_server(titled, limits, names, lambda: on_ready(_address(host, listening)))
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        atexit.register(_end_process)
        raise


def make_server(
    models: Mapping[str, Segmenter],
    limits: Limits,
    allowed_hosts: frozenset[str],
    on_ready: Callable[[], None],
) -> uvicorn.Server:
    """Creates the server, which runs until its `should_exit` is set or the process is interrupted.

    Args:
        models: title → model; one or two.
        limits: what clients may send and use.
        allowed_hosts: see `Protection`.
        on_ready: called when the server accepts requests.
    """
    for segmenter in models.values():
        segmenter(sample_images(segmenter.class_names, 1)[0].jpeg)  # the first run is slow
    samples = sample_images({name for segmenter in models.values() for name in segmenter.class_names})
    app = make_app(models, samples, limits=limits, allowed_hosts=allowed_hosts)
    connections = Connections(limits)
    config = uvicorn.Config(
        app,
        http=connections.protocol(),
        ws="none",
        lifespan="off",
        log_level="error",  # a warning for each invalid request would fill the log
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    return _Server(config, connections, on_ready)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, connections: Connections, on_ready: Callable[[], None]):
        super().__init__(config)
        self._connections = connections
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        self._connections.sweep()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._connections.abort_all()
        await super().shutdown(sockets)


def _end_process() -> None:
    """Ends the process at once: Python's own exit takes seconds, and would crash while a thread is in an engine."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_EXIT_INTERRUPTED)


def _address(host: str, listening: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listening.getsockname()[1]}/"


def model_titles(models: Sequence[str]) -> list[str]:
    """Returns a unique title per model: the last parts of its path, as few as possible."""
    paths = [Path(os.path.abspath(model)).parts for model in models]  # noqa: PTH100  (resolve() would replace symbolic links)
    for length in range(1, max(map(len, paths)) + 1):
        titles = ["/".join(parts[-length:]) for parts in paths]
        if len(set(titles)) == len(titles):
            return titles
    return [f"{title} ({number})" for number, title in enumerate(titles, start=1)]
