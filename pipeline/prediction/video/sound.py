"""Copies the sound of the source into the result, or encodes it as AAC if an MP4 cannot contain it."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from pipeline.prediction.video.container import open_container

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COPIED_CODECS = ("aac", "mp3", "ac3", "eac3")
"""Codecs that players support in an MP4: copied unchanged. Sound in other codecs is encoded as AAC."""

_AC3_SYNC_WORD = b"\x0b\x77"
"""The first bytes of each packet of AC-3 and E-AC-3 (ETSI TS 102 366, 4.4.1)."""


class SoundTrack:
    """The sound between two times, read through a separate handle of the source so that memory holds few packets.

    Attributes:
        damaged: whether reading stopped at damage.
    """

    def __init__(self, path: Path, start: float, end: float | None):
        """Opens the source.

        Args:
            path: the video.
            start: time of the first sound, seconds from the video's beginning.
            end: time at which to stop, seconds; `None` for the end of the sound.

        Raises:
            VideoError: the source cannot be read.
        """
        self._source = open_container(path)
        self._stream: Any = self._source.streams.best("audio")
        self._start = Fraction(start).limit_denominator(1_000_000)
        self._end = None if end is None else Fraction(end).limit_denominator(1_000_000)
        self._origin = Fraction(self._source.start_time or 0, av.time_base)
        self._packets: Iterator[Any] = iter(())
        self._next_packet: Any = None
        self.damaged = False

    @property
    def present(self) -> bool:
        """Whether the source contains sound that can be decoded."""
        return self._stream is not None and self._stream.codec_context is not None

    def add_to(self, container: Any) -> None:
        """Adds the track to an MP4; must be called before the first packet is written."""
        self._container = container
        if self._start:
            with contextlib.suppress(av.FFmpegError):
                self._source.seek(int((self._start + self._origin) * av.time_base))
        if self._stream.codec_context.name.removesuffix("float") in COPIED_CODECS:
            self._track = container.add_stream_from_template(self._stream)
            self._sync_word = _AC3_SYNC_WORD if "ac3" in self._stream.codec_context.name else b""
            self._packets = self._copied()
        else:
            context = self._stream.codec_context
            self._track = container.add_stream("aac", rate=context.rate, layout=_layout(context))
            self._packets = self._encoded()

    def write_until(self, time: Fraction | None) -> None:
        """Writes the packets up to a time, seconds from the result's beginning; `None` writes all remaining packets."""
        while True:
            if self._next_packet is None:
                self._next_packet = self._read_packet()
            if self._next_packet is None:
                return
            packet = self._next_packet
            if time is not None and packet.dts is not None and packet.dts * packet.time_base > time:
                return
            self._next_packet = None
            self._container.mux(packet)

    def close(self) -> None:
        """Closes the source."""
        self._source.close()

    def _read_packet(self) -> Any:
        try:
            return next(self._packets, None)
        except av.FFmpegError:  # keeps the video, with the sound up to here
            self.damaged, self._packets = True, iter(())
            return None

    def _since_start(self, pts: int, time_base: Fraction) -> Fraction:
        return pts * Fraction(time_base) - self._origin - self._start

    def _within(self, time: Fraction, duration: Fraction) -> bool:
        after_start = not self._start or time + duration / 2 >= 0
        return after_start and (self._end is None or time < self._end - self._start)

    def _copied(self) -> Iterator[Any]:
        for packet in self._source.demux(self._stream):
            if packet.dts is None or packet.pts is None:
                continue
            if self._sync_word and not bytes(packet).startswith(self._sync_word):
                raise av.InvalidDataError(0, "packet without sync word")  # the MP4 writer would fail
            base = packet.time_base
            time = self._since_start(packet.pts, base)
            if self._end is not None and time >= self._end - self._start:
                return
            if self._within(time, (packet.duration or 0) * base):
                shift = round((self._origin + self._start) / base)
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, self._track
                yield packet

    def _encoded(self) -> Iterator[Any]:
        for frame in self._source.decode(self._stream):
            if frame.pts is None:
                continue
            time = self._since_start(frame.pts, frame.time_base)
            if self._end is not None and time >= self._end - self._start:
                break
            if self._within(time, Fraction(frame.samples, frame.sample_rate)):
                frame.pts = round(time / frame.time_base)
                yield from self._track.encode(frame)
        yield from self._track.encode(None)


def _layout(context: Any) -> str:
    """Returns the channel layout of the result: mono for mono, else stereo, which every player supports."""
    return "mono" if context.layout.nb_channels == 1 else "stereo"
