"""Loads the models and serves the page until the process is interrupted."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from pipeline.demo.app import make_app
from pipeline.demo.samples import sample_images
from pipeline.prediction.segmenter import load_segmenter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


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
    models: Sequence[str], listening: socket.socket, host: str, *, max_upload_mb: float, on_ready: Callable[[str], None]
) -> None:
    """Serves the page until the process is interrupted.

    Args:
        models: one or two, as for `load_segmenter`.
        listening: the socket that `listen` returned.
        host: as passed to `listen`.
        max_upload_mb: maximum size of an image file, mebibytes.
        on_ready: called with the page's address when the server accepts requests.

    Raises:
        ModelError: a model cannot be used.
    """
    loaded = [load_segmenter(model) for model in models]
    for segmenter in loaded:
        segmenter(sample_images(segmenter.class_names, 1)[0].jpeg)  # the first run is slow
    titled = dict(zip(model_titles(models), loaded, strict=True))
    samples = sample_images({name for segmenter in loaded for name in segmenter.class_names})
    local = is_this_machine_only(host)
    hosts = [host, "localhost", "127.0.0.1", "::1"] if local else ["*"]
    app = make_app(titled, samples, max_upload_mb=max_upload_mb, hosts=hosts)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, lifespan="off", timeout_graceful_shutdown=2
    )
    server = _Server(config, lambda: on_ready(_address(host, listening)))
    server.run(sockets=[listening])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]):
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


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
