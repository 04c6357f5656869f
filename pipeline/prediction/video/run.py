"""A model's overlay over a whole video, frame by frame: memory does not grow with the length."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import av
import numpy as np

from pipeline.prediction.background_work import in_background
from pipeline.prediction.video.composition import Composition
from pipeline.prediction.video.options import GIF_SUFFIX, VideoError, VideoOptions
from pipeline.prediction.video.reader import TimedFrame, VideoReader
from pipeline.prediction.video.sound import SoundTrack
from pipeline.prediction.video.writer import FrameSink, GifWriter, Mp4Writer

_MOST_PIXELS = 8 * 640 * 360
"""Of a batch: scores at the frames' own size take 84 bytes a pixel with VOC's 21 classes."""

_AHEAD = 1  # batches that wait before the network, and behind it


class BatchSegmenter(Protocol):
    """What a video needs of a `segmenter.Segmenter`."""

    @property
    def class_names(self) -> Sequence[str]:
        """The names of the class ids, background first."""

    @property
    def palette(self) -> Sequence[tuple[int, int, int]]:
        """A colour for each class id."""

    def segment_batch(self, images: np.ndarray) -> np.ndarray:
        """uint8 [frames, height, width, 3] → class maps, uint8 [frames, height, width]."""


@dataclasses.dataclass(frozen=True)
class VideoProgress:
    """How far a video is.

    Attributes:
        done: frames that are written.
        total: how many there will be, about; `None` where the file doesn't say.
        seconds: since the work began.
    """

    done: int
    total: int | None
    seconds: float

    @property
    def frames_per_second(self) -> float:
        """Frames that were written in a second of work."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long it will still take; `None` where that can't be known."""
        if not self.total or not self.done:
            return None
        return max(0, self.total - self.done) * self.seconds / self.done


@dataclasses.dataclass(frozen=True)
class VideoResult:
    """What came out.

    Attributes:
        path: the file.
        frames: pictures in it that were segmented.
        seconds: how long the work took.
        sound: `"kept"`, `"damaged"` (up to where it could be read) or `"none"`.
    """

    path: Path
    frames: int
    seconds: float
    sound: str


def predict_video(
    segmenter: BatchSegmenter,
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    options: VideoOptions = VideoOptions(),  # noqa: B008  (frozen)
    on_progress: Callable[[VideoProgress], None] | None = None,
) -> VideoResult:
    """Lays a model's class maps over a video.

    Decoding, the network, and painting with encoding each have a thread; what waits between them is bounded.

    Args:
        segmenter: the model, see `segmenter.load_segmenter`.
        source: mp4, mov, avi, webm or gif; recognised by content.
        destination: ends in `.mp4` or `.gif`, which decides the format. It appears whole or not at all, and replaces
            what was there.
        options: what is made of it.
        on_progress: called after each batch.

    Raises:
        VideoError: the source can't be read, or the result not written. Nothing is left behind.
    """
    source, destination = Path(source), Path(destination)
    if destination.suffix.lower() not in (".mp4", GIF_SUFFIX):
        raise VideoError("can't be written: a video becomes .mp4 or .gif", destination)
    temporary = destination.with_name(f".{destination.name}.incomplete")
    begun = time.monotonic()
    try:
        with contextlib.ExitStack() as opened:
            gif = destination.suffix.lower() == GIF_SUFFIX
            reader = opened.enter_context(VideoReader(source, options, square_pixels=gif))
            sound = None if gif else _sound(source, options, opened)
            size = reader.width, reader.height
            compose = Composition(segmenter.class_names, segmenter.palette, options, size, reader.colours.matrix)
            with _writing(source, destination):
                sink = _sink(destination, temporary, compose.size, reader, sound)
            batches = opened.enter_context(in_background(_batches(reader, options.batch_size), ahead=_AHEAD))
            segmented = opened.enter_context(in_background(_segmented(segmenter, batches), ahead=_AHEAD))
            done = 0
            for batch in segmented:
                with _writing(source, destination):
                    for frame, class_map in batch:
                        picture = compose(frame.yuv, class_map)
                        for shown in frame.times:
                            sink.write(picture, shown)
                done += sum(len(frame.times) for frame, _ in batch)
                if on_progress is not None:
                    on_progress(VideoProgress(done, reader.total, time.monotonic() - begun))
            with _writing(source, destination):
                sink.close()
        temporary.replace(destination)
    except OSError as error:
        raise VideoError(f"can't be written to {destination}: {error.strerror or error}", source) from error
    finally:
        temporary.unlink(missing_ok=True)
    heard = "none" if sound is None else "damaged" if sound.damaged else "kept"
    return VideoResult(destination, done, time.monotonic() - begun, heard)


def _sound(source: Path, options: VideoOptions, opened: contextlib.ExitStack) -> SoundTrack | None:
    if not options.sound:
        return None
    sound = SoundTrack(source, options.start, options.end)
    opened.callback(sound.close)
    return sound if sound.present else None


def _sink(
    destination: Path, temporary: Path, size: tuple[int, int], reader: VideoReader, sound: SoundTrack | None
) -> FrameSink:
    if destination.suffix.lower() == GIF_SUFFIX:
        return GifWriter(temporary, size, reader.rate, reader.colours)
    return Mp4Writer(temporary, size, reader.rate, reader.colours, reader.pixel_aspect, sound)


@contextlib.contextmanager
def _writing(source: Path, destination: Path) -> Iterator[None]:
    try:
        yield
    except av.FFmpegError as error:
        raise VideoError(f"can't be written to {destination}: {error.strerror}", source) from error


def _batches(frames: Iterable[TimedFrame], batch_size: int) -> Iterator[list[TimedFrame]]:
    """Groups frames; large ones by fewer."""
    remaining = iter(frames)
    for first in remaining:
        height, width, _ = first.pixels.shape
        size = max(1, min(batch_size, _MOST_PIXELS // (height * width)))
        yield [first, *itertools.islice(remaining, size - 1)]


def _segmented(
    segmenter: BatchSegmenter, batches: Iterable[list[TimedFrame]]
) -> Iterator[list[tuple[TimedFrame, np.ndarray]]]:
    for batch in batches:
        class_maps = segmenter.segment_batch(np.stack([frame.pixels for frame in batch]))
        yield list(zip(batch, class_maps, strict=True))
