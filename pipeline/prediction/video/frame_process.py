"""The process that segments and paints frames for another one: `python -m pipeline.prediction.video.frame_process`.

It has two arguments, the descriptors of its end of a `multiprocessing.Pipe` and of the file of a `SharedFrame`. Through
the pipe it receives requests: the name of a method of `FrameWorker`, and its arguments. It answers each with `None`, or
with the exception. It ends when it has no model, and when the other process closes the pipe or dies.
"""

from __future__ import annotations

import contextlib
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from pipeline.engines.selection import find_model, load_engine
from pipeline.prediction.segmenter import Segmenter
from pipeline.prediction.video.overlay import FrameOverlay
from pipeline.prediction.video.shared_frame import SharedFrame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipeline.engines.engine import EngineName
    from pipeline.prediction.video.options import VideoOptions


class FrameWorker:
    """Paints one frame at a time, which another process puts into the memory that both share."""

    _segmenter: Segmenter
    _overlay: FrameOverlay
    _frame: SharedFrame

    def __init__(self, file: int):
        """Takes the descriptor of the shared file."""
        self._file = file

    def load(self, model: str, engine: EngineName, trust: bool, threads: int) -> None:
        """Loads a model; the arguments are those of `segmenter.load_segmenter` and `load_engine`."""
        self._segmenter = Segmenter(*load_engine(find_model(model), engine, trust=trust, threads=threads))

    def begin(self, options: VideoOptions, frame_size: tuple[int, int], matrix: int) -> None:
        """Prepares for the frames of a video; the arguments are those of `FrameOverlay`."""
        self._overlay = FrameOverlay(self._segmenter.channels, options, frame_size, matrix)
        self._frame = SharedFrame(self._file, frame_size, self._overlay.size)

    def paint(self) -> None:
        """Segments and paints the frame in the shared memory."""
        self._segmenter.map_class_maps([self._frame.pixels], self._paint)

    def _paint(self, _: int, class_map: NDArray[np.uint8]) -> None:
        self._frame.picture[...] = self._overlay(self._frame.yuv, class_map)


def _answer(worker: FrameWorker, method: str, arguments: tuple[Any, ...]) -> Exception | None:
    try:
        getattr(worker, method)(*arguments)
    except Exception as error:
        return error
    return None


def _main() -> None:
    connection, worker = Connection(int(sys.argv[1])), FrameWorker(int(sys.argv[2]))
    with contextlib.suppress(EOFError, ConnectionError):
        connection.send(failure := _answer(worker, *connection.recv()))  # of `load`
        while failure is None:
            connection.send(_answer(worker, *connection.recv()))


if __name__ == "__main__":
    _main()
