"""Reads a video's frames one after another: cut, skipped, upright and resized as `VideoOptions` says."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation

from pipeline.prediction.video.colours import YUV, Colours, to_yuv
from pipeline.prediction.video.container import is_truncated, open_container
from pipeline.prediction.video.frame_times import shown_frames, without_skipped
from pipeline.prediction.video.options import SMALLEST_SIDE, VideoError, VideoOptions, output_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

_DEFAULT_RATE = Fraction(25)  # frames per second, for a file that does not state its rate
_TIME_TOLERANCE = Fraction(1, 100)  # of a frame's duration, so that rounded times exclude no frame


@dataclasses.dataclass(frozen=True)
class TimedFrame:
    """A frame that is shown.

    Attributes:
        pixels: uint8 [height, width, 3], RGB, for the network.
        yuv: the same frame in the layout `colours.YUV`, to paint on.
        times: when it is shown, seconds from the result's beginning; several times if it is repeated.
    """

    pixels: NDArray[np.uint8]
    yuv: NDArray[np.uint8]
    times: tuple[Fraction, ...]


class VideoReader:
    """Reads a video; use it in a `with` statement and iterate over it once.

    Attributes:
        width: of the yielded frames, pixels.
        height: of the yielded frames, pixels.
        rate: approximate number of yielded frames per second.
        total: approximate number of yielded frames; `None` if the file does not state its length.
        pixel_aspect: width ÷ height of a pixel when the frames are shown.
        colours: of the yielded YUV.
    """

    width: int
    height: int
    rate: Fraction
    total: int | None
    pixel_aspect: Fraction
    colours: Colours

    def __init__(self, path: Path, options: VideoOptions, *, square_pixels: bool = False):
        """Opens the file and decodes the first frame.

        Args:
            path: the video.
            options: how to process it.
            square_pixels: if the video's pixels are not square, resize the frames so that they are.

        Raises:
            VideoError: the file cannot be read, or has no frame between the start and end that the options name.
        """
        self._path, self._options = path, options
        self._container = open_container(path)
        try:
            self._open_stream()
            self._first = self._decode_first()
            self._set_size(self._first[1], square_pixels)
            self.colours = Colours.of(self._first[1])
            self.rate = options.fps or self._source_rate / (options.skip + 1)
            self.total = self._estimated_total()
        except BaseException:
            self._container.close()
            raise

    def _open_stream(self) -> None:
        options = self._options
        stream: Any = self._container.streams.best("video")
        if stream is None:
            raise VideoError("contains no video", self._path)
        self._stream = stream
        self._stream.thread_type = "AUTO"
        self._truncated = is_truncated(self._path)
        if self._truncated and options.end is None:
            raise VideoError(
                "is truncated: copy it again, or give --end to use the part before the missing end", self._path
            )
        self._source_rate = Fraction(stream.guessed_rate or stream.average_rate or _DEFAULT_RATE)
        self._origin = Fraction(self._container.start_time or 0, av.time_base)
        length = self._container.duration
        self._seconds = float(Fraction(length, av.time_base)) if length else None
        if self._seconds is not None and options.start >= self._seconds:
            raise VideoError(f"is {self._seconds:.1f} s long: --start {options.start:g} s is after its end", self._path)

    def _decode_first(self) -> tuple[Fraction, Any]:
        self._frames = self._decoded()
        first = next(self._frames, None)
        if first is None:
            raise VideoError(f"contains no frame after {self._options.start:g} s", self._path)
        return first

    def _set_size(self, frame: Any, square_pixels: bool) -> None:
        resize = self._options.resize
        turned = frame.rotation % 180 != 0
        shown = (frame.height, frame.width) if turned else (frame.width, frame.height)
        aspect = Fraction(self._stream.sample_aspect_ratio or 1).limit_denominator(255)
        aspect = 1 / aspect if turned else aspect
        # Resizing keeps the aspect ratio of the picture, and so that of its pixels, unless both sides are given.
        self.pixel_aspect = Fraction(1) if isinstance(resize, tuple) or square_pixels else aspect
        if square_pixels:
            shown = (round(shown[0] * aspect), shown[1]) if aspect > 1 else (shown[0], round(shown[1] / aspect))
        self._scaled = resize is not None or (square_pixels and aspect != 1)
        self.width, self.height = output_size(*shown, resize)
        if min(self.width, self.height) < SMALLEST_SIDE:
            raise VideoError(
                f"has frames of {shown[0]} × {shown[1]} pixels: a side must have at least {SMALLEST_SIDE}", self._path
            )

    def _estimated_total(self) -> int | None:
        ends = [end for end in (self._seconds, self._options.end) if end is not None]
        if not ends:
            return None
        seconds = min(ends) - self._options.start
        used = math.ceil(seconds * float(self._source_rate) / (self._options.skip + 1))
        return max(1, min(used, math.ceil(seconds * float(self.rate))))

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[TimedFrame]:
        """Yields the frames that are shown; all others are decoded only as far as the codec requires.

        Raises:
            VideoError: the file is damaged; the message states the time of the damage.
        """
        frames = without_skipped(self._with_first(), self._options.skip)
        last = (self._options.skip + 1) / self._source_rate
        for frame, times in shown_frames(frames, self._options.fps, last_duration=last):
            yield TimedFrame(*self._pictures(frame), times)

    def _with_first(self) -> Iterator[tuple[Fraction, Any]]:
        yield self._first
        yield from self._frames

    def _decoded(self) -> Iterator[tuple[Fraction, Any]]:
        """Yields the frames between start and end, each with its time since start."""
        start = Fraction(self._options.start).limit_denominator(1_000_000)
        end = None if self._options.end is None else Fraction(self._options.end).limit_denominator(1_000_000)
        tolerance = _TIME_TOLERANCE / self._source_rate
        time, number = -start, 0
        with self._damage_reported(lambda: float(time + start)):
            if start:
                with contextlib.suppress(av.FFmpegError):  # a file without seeking is read from the beginning
                    self._container.seek(int((start + self._origin) * av.time_base))
            for frame in self._container.decode(self._stream):
                if frame.pts is None:
                    time = number / self._source_rate - start
                else:
                    time = frame.pts * Fraction(frame.time_base) - self._origin - start
                number += 1
                if end is not None and time >= end - start - tolerance:
                    return
                if time >= -tolerance:
                    yield max(time, Fraction(0)), frame
        if self._truncated:
            raise VideoError(f"is truncated: it ends at {float(time + start):.1f} s, before --end", self._path)

    @contextlib.contextmanager
    def _damage_reported(self, seconds: Callable[[], float]) -> Iterator[None]:
        """Raises FFmpeg's errors as `VideoError` with the time of the last frame, seconds from the beginning."""
        try:
            yield
        except av.FFmpegError as error:
            raise VideoError(
                f"is damaged after {seconds():.1f} s ({error.strerror}): give an earlier --end to use the part before",
                self._path,
            ) from error

    def _pictures(self, frame: Any) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Returns the frame as RGB and as YUV, upright and in the reader's size."""
        quarter_turns = round(frame.rotation / 90) % 4
        width, height = (self.height, self.width) if quarter_turns % 2 else (self.width, self.height)
        width, height = (width, height) if self._scaled else (frame.width, frame.height)

        def converted(pixel_format: str, **colours: Any) -> NDArray[np.uint8]:
            reformatted = frame.reformat(
                width,
                height,
                pixel_format,
                Colours.of(frame).matrix,
                interpolation=Interpolation.AREA if width < frame.width else Interpolation.BICUBIC,
                **colours,
            )
            array: NDArray[np.uint8] = reformatted.to_ndarray()
            return array

        pixels = np.ascontiguousarray(np.rot90(converted("rgb24"), quarter_turns)[: self.height, : self.width])
        if quarter_turns or (width, height) != (self.width, self.height):
            return pixels, to_yuv(pixels, self.colours.matrix)
        return pixels, converted(YUV, dst_colorspace=self.colours.matrix, dst_color_range=ColorRange.MPEG)
