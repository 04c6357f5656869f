"""Reports how many pairs the workers have converted."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from etils import epath

from tfds_voc_seg.conversion.shards import Shard

_POLL_SECONDS = 0.3


def count_converted_pairs(shards: Iterable[Shard]) -> int:
    """Counts the pairs that workers, in whatever process, are through with so far."""
    done = 0
    for shard in shards:
        if epath.Path(shard.path).exists():
            done += len(shard.pairs)
        elif shard.progress_file.exists():
            done += int(shard.progress_file.read_text())
    return done


@contextlib.contextmanager
def report_progress(shards: Sequence[Shard], on_progress: Callable[[int, int], None]) -> Iterator[None]:
    """Calls `on_progress` with the pairs done and of all while the `with` block runs the job, and at its end."""
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
