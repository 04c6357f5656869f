"""A video's frames, one after the other: cut, thinned out, upright and of the size asked for."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation

from pipeline.prediction.video.composition import YUV, to_yuv
from pipeline.prediction.video.frame_times import shown_frames, thinned
from pipeline.prediction.video.integrity import is_cut_short
from pipeline.prediction.video.options import SMALLEST_SIDE, VideoError, VideoOptions, output_size

# What is read is decided by the file's content: without the list a text file could send FFmpeg to other files.
_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,gif"
_OPEN_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}
_DEFAULT_RATE = Fraction(25)
# Numbers of ITU-T H.273. A file that doesn't say how its colours are coded is taken as players take it.
_MATRICES = (1, 4, 5, 6, 7, 9)
_BT709, _BT601, _HIGH_DEFINITION = 1, 6, 720  # from so many lines on BT.709


def open_container(path: Path) -> av.container.InputContainer:
    """Opens a video file.

    Raises:
        VideoError: it is missing, or no video.
    """
    try:
        # As a `file:` address, since a name with a colon would be taken for another protocol.
        return av.open(f"file:{path}", options=_OPEN_OPTIONS, metadata_errors="ignore")
    except FileNotFoundError as error:
        raise VideoError("is missing", path) from error
    except PermissionError as error:
        raise VideoError("may not be read", path) from error
    except (av.FFmpegError, OSError) as error:
        reason = "it is cut short: copy it again" if _cut_short(path) else "it is damaged, or of another format"
        raise VideoError(f"can't be read as a video (mp4, mov, avi, webm, gif): {reason}", path) from error


def _cut_short(path: Path) -> bool:
    try:
        return is_cut_short(path)
    except OSError:
        return False


@dataclasses.dataclass(frozen=True)
class Colours:
    """How a video's colours are coded, numbers of ITU-T H.273.

    Attributes:
        matrix: how brightness and colour are computed of red, green and blue.
        primaries: which red, green and blue are meant.
        transfer: how their values become light.
    """

    matrix: int
    primaries: int
    transfer: int

    @classmethod
    def of(cls, frame: Any) -> Colours:
        """Those of a decoded frame, or what players take for them."""
        guess = _BT709 if frame.height >= _HIGH_DEFINITION else _BT601
        matrix = frame.colorspace if frame.colorspace in _MATRICES else guess
        return cls(matrix, frame.color_primaries, frame.color_trc)


@dataclasses.dataclass(frozen=True)
class TimedFrame:
    """A frame to show.

    Attributes:
        pixels: uint8 [height, width, 3], RGB, for the network.
        yuv: the same as YUV of `video_composition`, to paint on.
        times: when it is shown, seconds from the result's beginning; several where it is repeated.
    """

    pixels: np.ndarray
    yuv: np.ndarray
    times: tuple[Fraction, ...]


class VideoReader:
    """Reads a video; to be used in a `with` statement and iterated over once.

    Attributes:
        width: of the frames it gives, pixels.
        height: of the frames it gives, pixels.
        rate: frames a second that it gives, about.
        total: frames that it will give, about; `None` where the file doesn't say how long it is.
        pixel_aspect: width of a pixel in its heights, as it is to be shown.
        colours: of the YUV it gives.
    """

    def __init__(self, path: Path, options: VideoOptions, *, square_pixels: bool = False):
        """Opens the file and decodes the first frame.

        Args:
            path: the video.
            options: what is made of it.
            square_pixels: make the pictures wider where the video's pixels are wide.

        Raises:
            VideoError: it can't be read, or holds no frame where it should be cut.
        """
        self._path, self._options, self._square_pixels = path, options, square_pixels
        self._container = open_container(path)
        try:
            self._prepare()
        except BaseException:
            self._container.close()
            raise

    def _prepare(self) -> None:
        options = self._options
        stream: Any = self._container.streams.best("video")  # its type depends on the file
        if stream is None:
            raise VideoError("holds no pictures", self._path)
        self._stream = stream
        self._stream.thread_type = "AUTO"
        self._cut_short = _cut_short(self._path)
        if self._cut_short and options.end is None:
            raise VideoError(
                "is cut short, it ends before its video does: copy it again, or give --end to use what comes before",
                self._path,
            )
        self._source_rate = Fraction(stream.guessed_rate or stream.average_rate or _DEFAULT_RATE)
        self._origin = Fraction(self._container.start_time or 0, av.time_base)
        length = self._container.duration
        self.seconds = float(Fraction(length, av.time_base)) if length else None
        if self.seconds is not None and options.start >= self.seconds:
            raise VideoError(f"is {self.seconds:.1f} s long: --start {options.start:g} s lies behind it", self._path)

        self._frames = self._decoded()
        first = next(self._frames, None)
        if first is None:
            raise VideoError(f"holds no frame from {options.start:g} s on", self._path)
        self._first = first
        self.colours = Colours.of(first[1])
        turned = first[1].rotation % 180 != 0
        source_size = (first[1].width, first[1].height)
        shown = source_size[::-1] if turned else source_size
        aspect = Fraction(self._stream.sample_aspect_ratio or 1).limit_denominator(255)
        aspect = 1 / aspect if turned else aspect
        # Other pixels after resizing: the shape of the whole picture stays, unless both sides were given.
        given = isinstance(options.resize, tuple)
        self.pixel_aspect = Fraction(1) if given or self._square_pixels else aspect
        if self._square_pixels:
            shown = (round(shown[0] * aspect), shown[1]) if aspect > 1 else (shown[0], round(shown[1] / aspect))
        self._scaled = options.resize is not None or (self._square_pixels and aspect != 1)
        self.width, self.height = output_size(*shown, options.resize)
        if min(self.width, self.height) < SMALLEST_SIDE:
            raise VideoError(f"has pictures of {shown[0]} × {shown[1]} pixels: too small for a video", self._path)
        self.rate = options.fps or self._source_rate / (options.skip + 1)
        self.total = self._estimated_total()

    def _estimated_total(self) -> int | None:
        if self.seconds is None and self._options.end is None:
            return None
        ends = [end for end in (self.seconds, self._options.end) if end is not None]
        source_frames = (min(ends) - self._options.start) * float(self._source_rate)
        used = math.ceil(source_frames / (self._options.skip + 1))
        return max(1, min(used, math.ceil((min(ends) - self._options.start) * float(self.rate))))

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[TimedFrame]:
        """Decodes the frames that are used, the others only as far as they must be.

        Raises:
            VideoError: the file is damaged; the message says where.
        """
        frames = thinned(self._with_first(), self._options.skip)
        last = (self._options.skip + 1) / self._source_rate
        for frame, times in shown_frames(frames, self._options.fps, last_duration=last):
            yield TimedFrame(*self._pictures(frame), times)

    def _with_first(self) -> Iterator[tuple[Fraction, Any]]:
        yield self._first
        yield from self._frames

    def _decoded(self) -> Iterator[tuple[Fraction, Any]]:
        """Gives the frames between start and end, each with its time since start."""
        start = Fraction(self._options.start).limit_denominator(1_000_000)
        end = None if self._options.end is None else Fraction(self._options.end).limit_denominator(1_000_000)
        # Half a frame earlier, so that rounded times lose none.
        tolerance = 1 / self._source_rate / 100
        time, number = -start, 0
        with self._reading(lambda: float(time + start)):
            if start:
                with contextlib.suppress(av.FFmpegError):  # what can't be searched is read from the beginning
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
        if self._cut_short:
            raise VideoError(f"is cut short: it ends at {float(time + start):.1f} s, before --end", self._path)

    @contextlib.contextmanager
    def _reading(self, now: Any) -> Iterator[None]:
        try:
            yield
        except av.FFmpegError as error:
            raise VideoError(
                f"is damaged after {now():.1f} s ({error.strerror}): give an earlier --end to use what comes before",
                self._path,
            ) from error

    def _pictures(self, frame: Any) -> tuple[np.ndarray, np.ndarray]:
        """The frame as RGB and as YUV, of the reader's size and upright."""
        quarter_turns = round(frame.rotation / 90) % 4
        width, height = (self.height, self.width) if quarter_turns % 2 else (self.width, self.height)
        width, height = (width, height) if self._scaled else (frame.width, frame.height)

        def converted(pixel_format: str, **colours: Any) -> np.ndarray:
            return frame.reformat(
                width,
                height,
                pixel_format,
                Colours.of(frame).matrix,
                interpolation=Interpolation.AREA if width < frame.width else Interpolation.BICUBIC,
                **colours,
            ).to_ndarray()

        pixels = np.ascontiguousarray(np.rot90(converted("rgb24"), quarter_turns)[: self.height, : self.width])
        if quarter_turns or (width, height) != (self.width, self.height):
            return pixels, to_yuv(pixels, self.colours.matrix)
        return pixels, converted(YUV, dst_colorspace=self.colours.matrix, dst_color_range=ColorRange.MPEG)
