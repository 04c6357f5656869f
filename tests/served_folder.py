"""A web server on this machine for weights that are downloaded."""

from __future__ import annotations

import contextlib
import http.server
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest


@contextlib.contextmanager
def served_folder(folder: Path, keras_home: Path, patch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serves a folder, and lets Keras keep its downloads in a new folder `keras_home`; provides the address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any):
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("localhost", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        patch.setenv("no_proxy", "*")
        patch.setattr("keras.src.backend.config.keras_home", lambda: str(keras_home))
        keras_home.mkdir()
        yield f"http://localhost:{running.server_port}"
        running.shutdown()
