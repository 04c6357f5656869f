"""Clients that try to keep a demo from answering, and an honest one: `python -m … HOST PORT CLIENTS SECONDS`.

Writes a JSON object to standard output: how often each kind of client connected, the honest client's statuses, and its
longest wait in seconds.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import io
import itertools
import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tests.pipeline.demo.models import picture

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from numpy.typing import NDArray

MEBIBYTE = 2**20


class Clients:
    """All clients of a server."""

    def __init__(self, host: str, port: int):
        self._address = host, port
        self._photo = png(picture())
        self._large = [png(np.zeros((side, side), np.uint8)) for side in (2000, 4000, 5000, 5400, 20000)]
        self._connected: collections.Counter[str] = collections.Counter()
        self._statuses: collections.Counter[int] = collections.Counter()
        self._longest_wait = 0.0

    async def run(self, clients: int, seconds: float) -> dict[str, Any]:
        """Runs an honest client beside many others.

        Args:
            clients: the number of hostile clients, of all kinds equally many.
            seconds: how long.
        """
        kinds: list[Callable[[], Awaitable[None]]] = [
            self.stalled_head, self.trickled_head, self.stalled_body, self.trickled_body, self.slow_reader, self.bomb
        ]  # fmt: skip
        chosen = itertools.islice(itertools.cycle(kinds), clients)
        tasks = [asyncio.create_task(self._again_and_again(kind)) for kind in chosen]
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            started = loop.time()
            self._statuses[await self._honest()] += 1
            self._longest_wait = max(self._longest_wait, loop.time() - started)
            await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return {"connected": self._connected, "honest": self._statuses, "longest_wait": round(self._longest_wait, 2)}

    async def _again_and_again(self, kind: Callable[[], Awaitable[None]]) -> None:
        while True:
            self._connected[kind.__name__] += 1
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await kind()
            await asyncio.sleep(0.05)

    @contextlib.asynccontextmanager
    async def _connection(self, **options: Any) -> Any:
        reader, writer = await asyncio.open_connection(*self._address, **options)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def _honest(self) -> int:
        async with self._connection() as (reader, writer):
            writer.write(head(len(self._photo)) + self._photo)
            status = int((await reader.readline()).split()[1])
            await reader.read()
            return status

    async def stalled_head(self) -> None:
        """Sends half of a request's head."""
        async with self._connection() as (reader, writer):
            writer.write(head(10)[:40])
            await reader.read()

    async def trickled_head(self) -> None:
        """Sends a head letter by letter."""
        async with self._connection() as (_, writer):
            for letter in itertools.chain(head(10)[:-4], itertools.repeat(97)):
                writer.write(bytes([letter]))
                await writer.drain()
                await asyncio.sleep(0.2)

    async def stalled_body(self) -> None:
        """Sends most of a large body."""
        async with self._connection() as (reader, writer):
            writer.write(head(20 * MEBIBYTE) + bytes(19 * MEBIBYTE))
            await reader.read()

    async def trickled_body(self) -> None:
        """Sends a body in small parts."""
        async with self._connection() as (_, writer):
            writer.write(head(20 * MEBIBYTE))
            for _ in range(20 * 1024):
                writer.write(bytes(1024))
                await writer.drain()
                await asyncio.sleep(0.1)

    async def slow_reader(self) -> None:
        """Asks for many answers on one connection and reads none."""
        async with self._connection(limit=1) as (reader, writer):
            reader._transport.pause_reading()  # noqa: SLF001  (asyncio has no public way)
            while True:
                writer.write(f"GET /samples/0.jpg HTTP/1.1\r\nHost: {self._address[0]}\r\n\r\n".encode() * 50)
                await writer.drain()
                await asyncio.sleep(0.05)

    async def bomb(self) -> None:
        """Sends a small file of a large image."""
        content = self._large[self._connected["bomb"] % len(self._large)]
        async with self._connection() as (reader, writer):
            writer.write(head(len(content)) + content)
            await reader.read()


def head(length: int) -> bytes:
    return (
        f"POST /segment/0 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n".encode()
    )


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


if __name__ == "__main__":
    host, port, clients, seconds = sys.argv[1], *map(float, sys.argv[2:])
    json.dump(asyncio.run(Clients(host, int(port)).run(int(clients), seconds)), sys.stdout)
