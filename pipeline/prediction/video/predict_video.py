"""Writes a model's overlay over a whole video, frame by frame: memory does not grow with the video's length."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import av

from pipeline.prediction.prefetch import mapped, prefetched
from pipeline.prediction.video.options import GIF_SUFFIX, VideoError, VideoOptions
from pipeline.prediction.video.overlay import FrameOverlay
from pipeline.prediction.video.reader import TimedFrame, VideoReader
from pipeline.prediction.video.sound import SoundTrack
from pipeline.prediction.video.writer import GifWriter, Mp4Writer
from tfds_voc_seg.disk_errors import write_reason
from tfds_voc_seg.storage import written_whole

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from fractions import Fraction

    import numpy as np
    from numpy.typing import NDArray

    from pipeline.prediction.video.frame_processes import FrameProcesses
    from pipeline.prediction.video.writer import FrameWriter
    from tfds_voc_seg.label_set import LabelSet

_Result = TypeVar("_Result")

_MAX_BATCH_PIXELS = 8 * 640 * 360
"""Pixels per batch: the scores at the frames' own size need 84 bytes per pixel with VOC's 21 classes."""

_BUFFERED_BATCHES = 1  # before the network, and after it

_Painted: TypeAlias = "list[tuple[tuple[Fraction, ...], NDArray[np.uint8]]]"
"""Pairs of the times of a frame and its painted picture."""


class FrameSegmenter(Protocol):
    """The part of `segmenter.Segmenter` that videos need."""

    @property
    def channels(self) -> LabelSet:
        """The classes with their colours."""

    @property
    def batches_at_once(self) -> int:
        """How many batches to segment at the same time."""

    def map_class_maps(
        self, images: Sequence[NDArray[np.uint8]], function: Callable[[int, NDArray[np.uint8]], _Result]
    ) -> list[_Result]:
        """Segments frames and calls a function with each class map, see `segmenter.Segmenter`."""


@dataclasses.dataclass(frozen=True)
class VideoProgress:
    """The progress of a video.

    Attributes:
        done: number of written frames.
        total: approximate number of frames of the result; `None` if the source does not state its length.
        seconds: time since the beginning of the work.
    """

    done: int
    total: int | None
    seconds: float

    @property
    def frames_per_second(self) -> float:
        """Written frames per second of work."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimated remaining time; `None` if it is unknown."""
        if not self.total or not self.done:
            return None
        return max(0, self.total - self.done) * self.seconds / self.done


@dataclasses.dataclass(frozen=True)
class VideoResult:
    """A written video.

    Attributes:
        path: the file.
        frames: number of segmented frames in it.
        seconds: how long the work took.
        sound: `"kept"`, `"damaged"` (kept up to the damage) or `"none"`.
    """

    path: Path
    frames: int
    seconds: float
    sound: str


def predict_video(
    segmenter: FrameSegmenter,
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    options: VideoOptions = VideoOptions(),  # noqa: B008  (frozen)
    on_progress: Callable[[VideoProgress], None] | None = None,
    processes: FrameProcesses | None = None,
) -> VideoResult:
    """Paints a model's class maps over a video.

    Decoding, the network with painting, and encoding run at the same time, with bounded buffers between them.

    Args:
        segmenter: the model, see `segmenter.load_segmenter`.
        source: mp4, mov, avi, webm or gif; recognised by its content.
        destination: a file ending in `.mp4` or `.gif`, which selects the format. It is written completely or not at
            all, and replaced if it exists.
        options: how to process the video.
        on_progress: called after each batch, or each frame that one of the processes has painted.
        processes: segment and paint the frames instead of `segmenter`, if the video is long enough for them.

    Raises:
        VideoError: the source cannot be read, or the result cannot be written. No file is left behind.
    """
    source, destination = Path(source), Path(destination)
    if destination.suffix.lower() not in (".mp4", GIF_SUFFIX):
        raise VideoError("cannot be written: the result must be an .mp4 or a .gif", destination)
    begun = time.monotonic()
    try:
        # Not flushed: after a crash of the machine the command can be run again.
        with written_whole(destination, flushed=False) as unfinished:
            frames, sound = _write_overlay(
                segmenter, source, destination, Path(unfinished), options, on_progress, processes
            )
    except OSError as error:
        raise VideoError(f"cannot be written to {destination}: {write_reason(error)}", source) from error
    return VideoResult(destination, frames, time.monotonic() - begun, sound)


def _write_overlay(
    segmenter: FrameSegmenter,
    source: Path,
    destination: Path,
    unfinished: Path,
    options: VideoOptions,
    on_progress: Callable[[VideoProgress], None] | None,
    processes: FrameProcesses | None,
) -> tuple[int, str]:
    """Writes the result under its temporary name; returns the number of frames, and `VideoResult.sound`."""
    begun = time.monotonic()
    gif = destination.suffix.lower() == GIF_SUFFIX
    with contextlib.ExitStack() as opened:
        reader = opened.enter_context(VideoReader(source, options, square_pixels=gif))
        sound = None if gif else _sound(source, options, opened)
        size = reader.width, reader.height
        paint = FrameOverlay(segmenter.channels, options, size, reader.colours.matrix)
        with _writing(source, destination):
            writer = _writer(gif, unfinished, paint.size, reader, sound)
        at_once = processes.begin(options, size, reader.colours.matrix, paint, reader.total) if processes else 0
        batches = _batches(reader, 1 if at_once else options.batch_size)
        decoded = opened.enter_context(prefetched(batches, buffer_size=at_once or _BUFFERED_BATCHES))
        if processes and at_once:
            pictures = _painted_by(processes, decoded, at_once)
        else:
            pictures = _painted(segmenter, decoded, paint)
        painted = opened.enter_context(prefetched(pictures, buffer_size=at_once or _BUFFERED_BATCHES))
        done = 0
        for batch in painted:
            with _writing(source, destination):
                for times, picture in batch:
                    for shown in times:
                        writer.write(picture, shown)
            done += sum(len(times) for times, _ in batch)
            if on_progress is not None:
                on_progress(VideoProgress(done, reader.total, time.monotonic() - begun))
        with _writing(source, destination):
            writer.close()
    return done, "none" if sound is None else "damaged" if sound.damaged else "kept"


def _sound(source: Path, options: VideoOptions, opened: contextlib.ExitStack) -> SoundTrack | None:
    if not options.sound:
        return None
    sound = SoundTrack(source, options.start, options.end)
    opened.callback(sound.close)
    return sound if sound.present else None


def _writer(gif: bool, path: Path, size: tuple[int, int], reader: VideoReader, sound: SoundTrack | None) -> FrameWriter:
    if gif:
        return GifWriter(path, size, reader.rate, reader.colours)
    return Mp4Writer(path, size, reader.rate, reader.colours, reader.pixel_aspect, sound)


@contextlib.contextmanager
def _writing(source: Path, destination: Path) -> Iterator[None]:
    """Raises FFmpeg's errors as `VideoError`."""
    try:
        yield
    except av.FFmpegError as error:
        raise VideoError(f"cannot be written to {destination}: {write_reason(error)}", source) from error


def _batches(frames: Iterable[TimedFrame], batch_size: int) -> Iterator[list[TimedFrame]]:
    """Groups frames into batches; batches of large frames contain fewer."""
    remaining = iter(frames)
    for first in remaining:
        height, width, _ = first.pixels.shape
        size = max(1, min(batch_size, _MAX_BATCH_PIXELS // (height * width)))
        yield [first, *itertools.islice(remaining, size - 1)]


def _painted(segmenter: FrameSegmenter, batches: Iterable[list[TimedFrame]], paint: FrameOverlay) -> Iterator[_Painted]:
    """Yields each batch, painted by the threads that segment it."""

    def painted(batch: list[TimedFrame]) -> _Painted:
        def picture(number: int, class_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
            return paint(batch[number].yuv, class_map)

        pictures = segmenter.map_class_maps([frame.pixels for frame in batch], picture)
        return list(zip((frame.times for frame in batch), pictures, strict=True))

    return mapped(painted, batches, segmenter.batches_at_once)


def _painted_by(processes: FrameProcesses, frames: Iterable[list[TimedFrame]], at_once: int) -> Iterator[_Painted]:
    """Yields each frame, painted by one of several processes."""
    return mapped(lambda batch: [(frame.times, processes.paint(frame)) for frame in batch], frames, at_once)
