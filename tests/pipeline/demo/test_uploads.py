from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, cast

import pytest

from pipeline.demo.limits import MEBIBYTE, Limits
from pipeline.demo.uploads import UploadError, Uploads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

PART = bytes(MEBIBYTE // 4)
LIMITS = Limits(MEBIBYTE, 256 * MEBIBYTE, pause_seconds=0.2, body_seconds=0.5, uploads=3)


class Client:
    """A request whose parts arrive with pauses."""

    def __init__(self, *pauses: float, declared: str = ""):
        self.headers = {"content-length": declared}
        self._pauses = pauses

    async def stream(self) -> AsyncIterator[bytes]:
        for pause in self._pauses:
            await asyncio.sleep(pause)
            yield PART


class JumpingSelector(selectors.SelectSelector):
    """Does not wait: the time that it would have waited has passed at once."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.passed += timeout or 0
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer, so that a busy machine changes no order of events."""

    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.passed


def run(scenario: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(scenario)


async def outcome(uploads: Uploads, client: Client, hold: float = 0, start: float = 0) -> Any:
    """Returns the number of bytes, or the status of the refusal."""
    await asyncio.sleep(start)
    try:
        async with uploads.receive(cast("Any", client)) as content:
            await asyncio.sleep(hold)
            return len(content)
    except UploadError as error:
        return error.status


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (Client(0, 0), 2 * len(PART)),
        (Client(0, 0, 0, 0), MEBIBYTE),
        (Client(0, 0, 0, 0, 0), 413),
        (Client(declared=str(MEBIBYTE + 1)), 413),
        (Client(0, 0.19), 2 * len(PART)),
        (Client(0, 0.21), 408),
        (Client(0.15, 0.15, 0.15), 3 * len(PART)),
        (Client(0.15, 0.15, 0.15, 0.15), 408),
    ],
)
def test_size_pause_and_time_of_an_upload_are_limited(client: Client, expected: int) -> None:
    uploads = Uploads(LIMITS)
    assert run(outcome(uploads, client)) == expected
    assert uploads.held_bytes == 0


def test_the_oldest_incomplete_upload_makes_room_for_a_new_one() -> None:
    async def scenario() -> Any:
        uploads = Uploads(LIMITS)
        return await asyncio.gather(
            outcome(uploads, Client(0, 0), hold=0.1),
            outcome(uploads, Client(0, 9)),
            outcome(uploads, Client(0, 0.19, 0)),
            outcome(uploads, Client(0, 0), start=0.05),
        )

    assert run(scenario()) == [2 * len(PART), 503, 3 * len(PART), 2 * len(PART)]


def test_the_memory_of_all_uploads_is_limited() -> None:
    limits = Limits(MEBIBYTE, 256 * MEBIBYTE, waiting=0, running=1)  # three uploads of the largest size

    async def scenario() -> Any:
        uploads = Uploads(limits)
        held = [outcome(uploads, Client(0, 0, 0, 0), hold=0.2) for _ in range(2)]
        late = [outcome(uploads, Client(0.05, *pauses)) for pauses in ((0, 0, 4), (0.01, 0.01))]
        return await asyncio.gather(*held, *late)

    assert run(scenario()) == [MEBIBYTE, MEBIBYTE, 503, 3 * len(PART)]


def test_the_memory_must_suffice_for_the_size_of_a_file() -> None:
    with pytest.raises(ValueError, match="image files of 200 MB need at least --memory-mb 2192"):
        Limits(200 * MEBIBYTE, 1536 * MEBIBYTE)
    limits = Limits(200 * MEBIBYTE, 2192 * MEBIBYTE)
    assert limits.uploads_bytes + limits.answers_bytes + limits.segmenting_bytes == limits.memory_bytes
