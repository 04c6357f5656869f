"""Segments and paints the frames of a video in several processes, because threads of one wait for Python's lock."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import subprocess
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

from components.allocator import variables_that_keep_freed_memory
from components.python_path import python_path
from components.targets.network import available_cores
from pipeline.engines.engine import EngineError
from pipeline.prediction.video.shared_frame import SharedFrame
from tfds_voc_seg.error_messages import message_of_library

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from pipeline.engines.engine import EngineName
    from pipeline.prediction.video.options import VideoOptions
    from pipeline.prediction.video.overlay import FrameOverlay
    from pipeline.prediction.video.reader import TimedFrame

_Video: TypeAlias = "tuple[tuple[VideoOptions, tuple[int, int], int], tuple[int, int]]"

_MODULE = "pipeline.prediction.video.frame_process"

_MIN_FRAMES = 200
"""Frames of a video from which on the processes save more time than their start takes."""

_MAX_PROCESSES = 8
"""Each takes 50 MB of memory for itself and a copy of the weights, and one process decodes and encodes for all."""

_MAX_SHARED_BYTES = 1 << 29  # of all frames that are shared at a time
_BYTES_PER_PIXEL = 6  # RGB, YUV and the picture without its legend
_SECONDS_TO_END = 5


class FrameProcesses:
    """Processes that segment and paint frames, each of which has loaded the model, and which divide the cores.

    They start with the first video that is long enough, and end with the `with` block. Not for TensorFlow, whose start
    takes seconds, and which computes with all cores by itself.
    """

    def __init__(self, model: str | os.PathLike[str], engine: EngineName, *, trust: bool = False):
        """Takes the arguments of `segmenter.load_segmenter`; starts nothing yet."""
        self._arguments = str(model), engine, trust
        self._idle: queue.SimpleQueue[_FrameProcess] = queue.SimpleQueue()
        self._processes: list[_FrameProcess] = []

    def __enter__(self) -> FrameProcesses:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin(
        self, options: VideoOptions, frame_size: tuple[int, int], matrix: int, paint: FrameOverlay, frames: int | None
    ) -> int:
        """Prepares for a video.

        Args:
            options: as for `FrameOverlay`.
            frame_size: as there.
            matrix: as there.
            paint: the overlay that was made with these arguments.
            frames: approximate number of frames of the video; `None` if it is unknown.

        Returns:
            How many frames `paint` should be given at the same time; 0 if these processes are not worth while or
            cannot be started.
        """
        sharing = _MAX_SHARED_BYTES // (_BYTES_PER_PIXEL * frame_size[0] * frame_size[1])
        count = min(available_cores(), _MAX_PROCESSES, sharing)
        enough = bool(self._processes) or frames is None or frames >= _MIN_FRAMES
        if self._arguments[1] == "tensorflow" or count < 2 or not enough or not hasattr(os, "memfd_create"):
            return 0
        try:
            self._start(count)
        except OSError:  # the system allows no more processes or files: threads do the same, more slowly
            self.close()
            return 0
        self._idle = queue.SimpleQueue()
        for process in self._processes[:count]:
            process.video = (options, frame_size, matrix), paint.size
            self._idle.put(process)
        return count

    def paint(self, frame: TimedFrame) -> NDArray[np.uint8]:
        """Segments and paints a frame; several threads may call this at the same time.

        Returns:
            The painted picture in the layout `colours.YUV`.

        Raises:
            EngineError: the network failed, or a process ended.
            MemoryError: there is too little memory.
        """
        process = self._idle.get()
        try:
            return process.paint(frame)
        finally:
            self._idle.put(process)

    def close(self) -> None:
        """Ends the processes."""
        for process in self._processes:
            process.close()
        self._processes = []

    def _start(self, count: int) -> None:
        for ended in [process for process in self._processes if not process.running]:
            ended.close()
            self._processes.remove(ended)
        threads = available_cores() // min(available_cores(), _MAX_PROCESSES)
        while len(self._processes) < count:
            self._processes.append(_FrameProcess(*self._arguments, threads))


class _FrameProcess:
    """One of the processes, see `frame_process`.

    Attributes:
        video: what the next frame needs: the arguments of `FrameWorker.begin`, and the size of its pictures.
    """

    video: _Video

    def __init__(self, *arguments: Any):
        """Starts the process and lets it load the model, without waiting for it.

        Raises:
            OSError: it cannot be started.
        """
        self._loading = True
        self._begun: _Video | None = None
        environment = {**os.environ, "PYTHONPATH": python_path(), **variables_that_keep_freed_memory()}
        with contextlib.ExitStack() as undo:
            self._file = os.memfd_create("frame")
            undo.callback(os.close, self._file)
            self._connection, other = multiprocessing.Pipe()
            undo.enter_context(self._connection)
            with other:
                descriptors = other.fileno(), self._file
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", _MODULE, *map(str, descriptors)],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    pass_fds=descriptors,
                    process_group=0,  # Ctrl-C is for the process that started it
                )
            undo.pop_all()
        self._connection.send(("load", arguments))

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def paint(self, frame: TimedFrame) -> NDArray[np.uint8]:
        """See `FrameProcesses.paint`."""
        if self._begun != self.video:
            arguments, picture_size = self.video
            self._request("begin", *arguments)
            self._frame = SharedFrame(self._file, arguments[1], picture_size)
            self._begun = self.video
        self._frame.pixels[...] = frame.pixels
        self._frame.yuv[...] = frame.yuv
        self._request("paint")
        return self._frame.picture.copy()

    def _request(self, method: str, *arguments: Any) -> None:
        try:
            if self._loading:
                self._loading = False
                self._raise_failure()
            self._connection.send((method, arguments))
            self._raise_failure()
        except (EOFError, OSError) as error:
            raise EngineError("a process that segments frames ended; perhaps there is too little memory") from error

    def _raise_failure(self) -> None:
        """Waits for the answer to a request."""
        error: Exception | None = self._connection.recv()
        if isinstance(error, (EngineError, MemoryError)):
            raise error
        if error is not None:
            raise EngineError(message_of_library(error, 300)) from error

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._file)
