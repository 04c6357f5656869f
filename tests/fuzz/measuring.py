"""Sends generated files through one door of the project, in a process that is replaced when a file breaks the bound.

The time is that of the processor, of all threads together, so that it is the same on a busy machine. The memory is the
process's highest resident memory above what an ordinary photo takes.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import io
import itertools
import json
import multiprocessing
import os
import re
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from components.allocator import configure_allocators
from tests.fuzz.bombs import Bomb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from multiprocessing.connection import Connection

MOST_SECONDS, MOST_MEBIBYTES = 10, 1024
"""The bound, for files of at most `image_files.LARGEST_FILE` bytes."""

_MOST_MEBIBYTES_OF_ADDRESSES = 2 * MOST_MEBIBYTES
"""Address space that a limited process gets. It is more than the bound, because gaps that earlier files left in the
heap count as well: their pages are back at the kernel, their addresses are not."""

_KILLED_AFTER_SECONDS, _KILLED_ABOVE = 60, 4 << 30  # bytes; how much a file exceeds the bound is worth knowing
_LONGEST_WAIT = 900  # seconds, for a process that neither computes nor answers
_WARM_UP = 3


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What a file cost at a door.

    Attributes:
        name: the file.
        seconds: of a processor.
        mebibytes: above the memory that an ordinary photo takes.
        outcome: `answered`, `refused: …` with the door's own sentence, or `error: …` for anything else.
    """

    name: str
    seconds: float
    mebibytes: int
    outcome: str

    @property
    def keeps_the_bound(self) -> bool:
        """Whether the file was answered or refused within the bound."""
        within = self.seconds <= MOST_SECONDS and self.mebibytes <= MOST_MEBIBYTES
        return within and "error: " not in self.outcome


def ordinary() -> Bomb:
    """Returns a photo like those of VOC."""
    written = io.BytesIO()
    Image.effect_noise((500, 375), 60).convert("RGB").save(written, "JPEG", quality=90)
    return Bomb("ordinary", written.getvalue(), (500, 375))


def measured(
    doors: Sequence[str], folder: Path, bombs: Iterable[Bomb], *, limited: bool = False
) -> Iterator[tuple[str, Measurement]]:
    """Measures files.

    Args:
        doors: names in `doors.DOORS`.
        folder: scratch.
        bombs: the files.
        limited: allocations far above the bound fail, so that a door that needs them answers with an error.

    Yields:
        A door and the measurement of a file there, for each file at each door.
    """
    worker: _Worker | None = None
    try:
        for bomb, door in itertools.product(bombs, doors):
            worker = worker or _Worker(doors, folder, limited)
            measurement = worker.measure(door, bomb)
            if not worker.process.is_alive():
                worker = None
            yield door, measurement
    finally:
        if worker:
            worker.process.kill()
            worker.process.join()


class _Worker:
    """A process with open doors."""

    def __init__(self, doors: Sequence[str], folder: Path, limited: bool):
        spawning = multiprocessing.get_context("spawn")
        self._connection, theirs = spawning.Pipe()
        self.process = spawning.Process(target=_serve, args=(doors, folder, limited, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self._connection.recv()  # it is ready

    def measure(self, door: str, bomb: Bomb) -> Measurement:
        before, start = self._seconds(), time.monotonic()
        try:
            self._connection.send((door, bomb))
            while not self._connection.poll(1):
                seconds, resident = self._seconds() - before, _status_bytes("VmRSS", self.process.pid)
                waits_in_vain = time.monotonic() - start > _LONGEST_WAIT
                if seconds > _KILLED_AFTER_SECONDS or resident > _KILLED_ABOVE or waits_in_vain:
                    self.process.kill()
                    self.process.join()
                    return Measurement(bomb.name, round(seconds, 2), resident >> 20, "error: killed")
            measurement: Measurement = self._connection.recv()
        except (EOFError, OSError) as error:
            self.process.join()
            outcome = f"error: the process ended with {self.process.exitcode}: {error!r}"
            return Measurement(bomb.name, 0, 0, outcome)
        return measurement

    def _seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status_bytes(key: str, pid: int | str | None = "self") -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition(f"{key}:")[2].split()[0]) << 10


def _serve(doors: Sequence[str], folder: Path, limited: bool, connection: Connection) -> None:
    """Measures the files that a connection sends, in a new process."""
    from tests.fuzz.doors import DOORS, SERVED

    if not set(doors) & set(SERVED):  # the commands configure their process like this
        configure_allocators()
    processes = {door: DOORS[door](folder) for door in doors}  # all before the first ordinary photo: the models stay
    for process, _ in itertools.product(processes.values(), range(_WARM_UP)):
        _measure(process, ordinary(), 0)
    ordinary_peaks = {door: _measure(process, ordinary(), 0).mebibytes for door, process in processes.items()}
    if limited:
        most = _status_bytes("VmSize") + (_MOST_MEBIBYTES_OF_ADDRESSES << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    connection.send(True)
    while True:
        door, bomb = connection.recv()
        connection.send(_measure(processes[door], bomb, ordinary_peaks[door]))


def _measure(process: Any, bomb: Bomb, ordinary_peak: int) -> Measurement:
    ctypes.CDLL(None).malloc_trim(0)  # returns what an earlier file took
    Path("/proc/self/clear_refs").write_text("5")  # resets the highest memory
    start = time.process_time()
    try:
        outcome = process(bomb)
    except Exception as error:
        outcome = f"error: {type(error).__name__}: {error}"
    seconds = time.process_time() - start
    mebibytes = (_status_bytes("VmHWM") >> 20) - ordinary_peak
    return Measurement(bomb.name, round(seconds, 2), mebibytes, outcome[:300])


def main() -> None:
    """Sends every n-th file whose name a pattern matches through doors: DOORS FOLDER [n [PATTERN]].

    The names of the doors are separated by commas. Writes a line of JSON per file to FOLDER/DOOR.jsonl, and the most
    expensive files to standard output.
    """
    from tests.fuzz.doors import bombs_for

    names, place, *chosen = sys.argv[1:]
    doors, folder = names.split(","), Path(place)
    step, pattern = (*chosen, *("1", "")[len(chosen) :])
    folder.mkdir(parents=True, exist_ok=True)
    bombs = itertools.islice((bomb for bomb in bombs_for(doors) if re.search(pattern, bomb.name)), 0, None, int(step))
    measurements: dict[str, list[Measurement]] = {door: [] for door in doors}
    with contextlib.ExitStack() as stack:
        files = {door: stack.enter_context((folder / f"{door}.jsonl").open("w", buffering=1)) for door in doors}
        for door, measurement in measured(doors, folder, bombs):
            measurements[door].append(measurement)
            files[door].write(f"{json.dumps(dataclasses.asdict(measurement))}\n")
    for door, key in itertools.product(doors, ("seconds", "mebibytes")):
        sys.stdout.write(f"{door}: {len(measurements[door])} files; most {key}:\n")
        for worst in sorted(measurements[door], key=lambda one: getattr(one, key))[:-11:-1]:
            sys.stdout.write(f"  {worst}\n")
    broken = [one for of_door in measurements.values() for one in of_door if not one.keeps_the_bound]
    sys.stdout.write("".join(f"breaks the bound: {one}\n" for one in broken))
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
