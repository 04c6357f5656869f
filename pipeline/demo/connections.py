"""Closes connections that only occupy memory: without a request, with an answer that nobody reads, or too many.

uvicorn waits for the head of a request, and for a client to read its answer, without a limit of time.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from pipeline.demo.limits import Limits


class Connections:
    """All open connections."""

    def __init__(self, limits: Limits):
        self._limits = limits
        self._open: set[Connection] = set()

    def protocol(self) -> Any:
        """Returns the class that uvicorn creates for each connection."""
        return functools.partial(Connection, self)

    def add(self, connection: Connection) -> None:
        """Adds a connection; closes the one that has been idle for longest, or this one, if there are too many."""
        self._open.add(connection)
        if len(self._open) > self._limits.connections:
            idle = [other for other in self._open if other.idle]
            min(idle, key=lambda other: other.since).abort()

    def discard(self, connection: Connection) -> None:
        """Forgets a closed connection."""
        self._open.discard(connection)

    def sweep(self) -> None:
        """Closes the connections that have exceeded a limit; called several times per second."""
        unread = []
        for connection in list(self._open):
            if connection.unread_seconds() > self._limits.read_seconds:
                connection.abort()
            elif connection.unread_bytes:
                unread.append(connection)
            elif connection.idle and connection.idle_seconds() > self._limits.header_seconds:
                connection.abort()
        excess = sum(connection.unread_bytes for connection in unread) - self._limits.answers_bytes
        for connection in sorted(unread, key=lambda other: -other.unread_seconds()):
            if excess <= 0:
                break
            excess -= connection.unread_bytes
            connection.abort()

    def abort_all(self) -> None:
        """Closes all connections."""
        for connection in list(self._open):
            connection.abort()


class Connection(H11Protocol):
    """uvicorn's connection, which reports how long it has been idle or unread.

    Attributes:
        since: when the connection was opened, when its latest request was answered, or when the next one began; seconds
            of the event loop's clock.
    """

    def __init__(self, all_connections: Connections, **arguments: Any):
        super().__init__(**arguments)
        self._all = all_connections
        self.since = self.loop.time()
        self._request_began = False
        self._unread_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by asyncio."""
        super().connection_made(transport)
        self._all.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._all.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if not self._request_began:
            self._request_began, self.since = True, self.loop.time()
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Called by uvicorn when it has written an answer."""
        self._request_began, self.since = False, self.loop.time()
        super().on_response_complete()

    @property
    def idle(self) -> bool:
        """Whether no request is in progress: its head is incomplete, or its answer is written."""
        return self.cycle is None or self.cycle.response_complete

    def idle_seconds(self) -> float:
        """Returns how long the connection has been idle, if it is."""
        return self.loop.time() - self.since

    @property
    def unread_bytes(self) -> int:
        """The part of the answers that the client has not read yet, without what the system holds."""
        return self.transport.get_write_buffer_size()

    def unread_seconds(self) -> float:
        """Returns for how long the client has not read all; 0 if nothing is unread. Called at each sweep."""
        if not self.unread_bytes:
            self._unread_since = None
        elif self._unread_since is None:
            self._unread_since = self.loop.time()
        return 0.0 if self._unread_since is None else self.loop.time() - self._unread_since

    def abort(self) -> None:
        """Closes the connection without waiting for the client."""
        self.transport.abort()
