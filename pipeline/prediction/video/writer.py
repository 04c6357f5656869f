"""Where frames go: an MP4 with H.264 and sound, or a GIF. One frame is held at a time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from av.video.reformatter import ColorRange

from pipeline.prediction.video.composition import YUV
from pipeline.prediction.video.reader import Colours
from pipeline.prediction.video.sound import SoundTrack

_CLOCK = Fraction(1, 90_000)
"""Unit of an MP4's times, seconds: whole for 24, 25, 30, 50 and 60 frames a second, and fine for all others."""

_GIF_CLOCK = Fraction(1, 100)
_SHORTEST_GIF_FRAME = 2
"""Hundredths of a second: browsers show shorter ones for a tenth of a second."""

# Half the time of "superfast", PSNR within 0.7 dB; files are 15 to 35 % larger.
_H264_OPTIONS = {"preset": "ultrafast", "crf": "20"}


class FrameSink(Protocol):
    """What frames are written to."""

    def write(self, picture: np.ndarray, time: Fraction) -> None:
        """Writes a picture, YUV as in `video_composition`, that is shown from `time` on, seconds."""

    def close(self) -> None:
        """Writes what is left and the file's index."""


class Mp4Writer:
    """Writes an MP4 that starts to play before it is loaded whole: H.264, yuv420p, the index in front."""

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        rate: Fraction,
        colours: Colours,
        pixel_aspect: Fraction,
        sound: SoundTrack | None,
    ):
        """Opens the file.

        Args:
            path: where it goes; the name may end in anything.
            size: width and height of the frames, even, pixels.
            rate: frames a second, about.
            colours: how the pictures' colours are coded.
            pixel_aspect: width of a pixel in its heights.
            sound: what is heard; pieces of it are written between the frames.
        """
        self._container = av.open(f"file:{path}", "w", format="mp4", options={"movflags": "+faststart"})
        stream: Any = self._container.add_stream("libx264", rate=rate.limit_denominator(1001), options=_H264_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = *size, YUV
        context = stream.codec_context
        context.time_base = _CLOCK
        context.sample_aspect_ratio = pixel_aspect
        context.color_range, context.colorspace = ColorRange.MPEG, colours.matrix
        context.color_primaries, context.color_trc = colours.primaries, colours.transfer
        self._stream, self._sound = stream, sound
        if sound is not None:
            sound.add_to(self._container)

    def write(self, picture: np.ndarray, time: Fraction) -> None:
        """Encodes a picture, and writes the sound up to it."""
        frame = av.VideoFrame.from_ndarray(picture, YUV)
        frame.pts, frame.time_base = round(time / _CLOCK), _CLOCK
        self._container.mux(self._stream.encode(frame))
        if self._sound is not None:
            self._sound.write_until(time)

    def close(self) -> None:
        """Writes what is left, the rest of the sound, and the index."""
        self._container.mux(self._stream.encode())
        if self._sound is not None:
            self._sound.write_until(None)
        self._container.close()


class GifWriter:
    """Writes a GIF that repeats for ever, with a palette of its own for each frame: nothing is gathered."""

    def __init__(self, path: Path, size: tuple[int, int], rate: Fraction, colours: Colours):
        """Opens the file; arguments as of `Mp4Writer`."""
        self._container = av.open(f"file:{path}", "w", format="gif", options={"loop": "0"})
        stream: Any = self._container.add_stream("gif", rate=rate.limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = *size, "pal8"
        stream.codec_context.time_base = _GIF_CLOCK
        self._stream, self._graph, self._matrix = stream, _palette_graph(size), colours.matrix
        self._last = -_SHORTEST_GIF_FRAME

    def write(self, picture: np.ndarray, time: Fraction) -> None:
        """Encodes a picture; one that follows too soon on the last is left out."""
        pts = round(time / _GIF_CLOCK)
        if pts - self._last < _SHORTEST_GIF_FRAME:
            return
        self._last = pts
        yuv: Any = av.VideoFrame.from_ndarray(picture, YUV)
        frame = yuv.reformat(format="rgb32", src_colorspace=self._matrix, src_color_range=ColorRange.MPEG)
        frame.pts, frame.time_base = pts, _GIF_CLOCK
        self._graph.vpush(frame)
        self._drain()

    def close(self) -> None:
        """Writes what is left."""
        self._graph.vpush(None)
        self._drain()
        self._container.mux(self._stream.encode())
        self._container.close()

    def _drain(self) -> None:
        while True:
            try:
                frame = self._graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return
            frame.pict_type = 0
            self._container.mux(self._stream.encode(frame))


def _palette_graph(size: tuple[int, int]) -> av.filter.Graph:
    """FFmpeg's filters that choose 256 colours for a frame and paint it with them."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=size[0], height=size[1], format=av.VideoFormat("rgb32"), time_base=_GIF_CLOCK)
    split = graph.add("split")
    generate, use = graph.add("palettegen", "stats_mode=single"), graph.add("paletteuse", "new=1:dither=bayer")
    sink = graph.add("buffersink")
    source.link_to(split)
    split.link_to(generate, 0, 0)
    split.link_to(use, 1, 0)
    generate.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph
