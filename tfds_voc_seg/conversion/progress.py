"""Reports how many pairs the workers have converted so far."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from etils import epath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tfds_voc_seg.conversion.shards import Shard

_POLL_SECONDS = 0.3


def count_converted_pairs(shards: Iterable[Shard]) -> int:
    """Counts the pairs that the workers of all processes have converted so far, from the files that they write."""
    done = 0
    for shard in shards:
        if epath.Path(shard.path).exists():
            done += len(shard.pairs)
        elif shard.progress_file.exists():
            done += int(shard.progress_file.read_text())
    return done


@contextlib.contextmanager
def report_progress(shards: Sequence[Shard], on_progress: Callable[[int, int], None]) -> Iterator[None]:
    """Calls `on_progress` with the numbers of converted and of all pairs, during and after the `with` block."""
    total = sum(len(shard.pairs) for shard in shards)
    finished = threading.Event()

    def poll() -> None:
        while not finished.wait(_POLL_SECONDS):
            on_progress(count_converted_pairs(shards), total)

    poller = threading.Thread(target=poll, daemon=True)
    poller.start()
    try:
        yield
    finally:
        finished.set()
        poller.join()
    on_progress(count_converted_pairs(shards), total)
