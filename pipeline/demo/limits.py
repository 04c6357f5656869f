"""What the demo allows its clients: memory, time and numbers."""

from __future__ import annotations

import dataclasses
import math

MEBIBYTE = 2**20

_ANSWERS_BYTES = 64 * MEBIBYTE
_LEAST_SEGMENTING_BYTES = 128 * MEBIBYTE


@dataclasses.dataclass(frozen=True)
class Limits:
    """The limits of the demo. All clients share the memory; it comes on top of what the loaded models occupy.

    Attributes:
        upload_bytes: maximum size of an image file.
        memory_bytes: memory for uploads, decoding, segmenting and answers.
        header_seconds: how long a connection may wait for a complete request.
        pause_seconds: how long an upload may pause.
        body_seconds: how long an upload may take.
        answer_seconds: how long a complete upload waits for its answer.
        read_seconds: how long a client may take to read an answer.
        connections: open connections; above it, the one that has been idle for longest is closed.
        uploads: uploads at a time; above it, the oldest incomplete one is ended.
        waiting: images that wait to be segmented; above it, the most expensive one is turned away.
        running: images that are decoded and segmented at a time.
        answers_bytes: memory for all answers that are not read yet.

    Raises:
        ValueError: the memory is too small for the size of an image file.
    """

    upload_bytes: int
    memory_bytes: int
    header_seconds: float = 5.0
    pause_seconds: float = 5.0
    body_seconds: float = 60.0
    answer_seconds: float = 20.0
    read_seconds: float = 20.0
    connections: int = 400
    uploads: int = 64
    waiting: int = 6
    running: int = 2
    answers_bytes: int = _ANSWERS_BYTES

    def __post_init__(self) -> None:
        lacking = _LEAST_SEGMENTING_BYTES - self.segmenting_bytes
        if lacking > 0:
            raise ValueError(
                f"image files of {self.upload_bytes / MEBIBYTE:g} MB need at least "
                f"--memory-mb {math.ceil((self.memory_bytes + lacking) / MEBIBYTE)}"
            )

    @property
    def uploads_bytes(self) -> int:
        """Memory for all uploads: those that wait or are segmented, and two more that arrive."""
        return (self.waiting + self.running + 2) * self.upload_bytes

    @property
    def segmenting_bytes(self) -> int:
        """Memory for all images that are decoded and segmented."""
        return self.memory_bytes - self.uploads_bytes - self.answers_bytes
