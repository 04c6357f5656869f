"""Small videos written with PyAV: a red square on grey, and a tone."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

import av
import numpy as np

from tfds_voc_seg.label_set import label_set_of_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Result = TypeVar("Result")

RATE, WIDTH, HEIGHT = 10, 64, 48
CODECS = {
    ".mp4": ("mp4", "libx264", "aac"),
    ".mov": ("mov", "libx264", "pcm_s16le"),
    ".avi": ("avi", "mpeg4", "mp3"),
    ".webm": ("webm", "libvpx", "libopus"),
    ".mkv": ("matroska", "libx264", "aac"),
    ".gif": ("gif", "gif", None),
}


def frame_pixels(index: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """Returns uint8 [height, width, 3]: grey, brighter with each frame, and a red square at the upper left."""
    pixels = np.full((height, width, 3), 40 + 4 * (index % 50), np.uint8)
    pixels[height // 8 : 3 * height // 8, width // 8 : 3 * width // 8] = (220, 30, 30)
    return pixels


def write_clip(
    path: Path,
    frames: int = 10,
    *,
    sound: bool = True,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    rate: int = RATE,
    pixel_aspect: Fraction | None = None,
    matrix: int | None = None,
    full_range: bool = False,
) -> Path:
    """Writes a clip in the format of the suffix; `matrix` is a number of ITU-T H.273."""
    container_format, video_codec, sound_codec = CODECS[path.suffix]
    options = {"movflags": "+faststart"} if container_format == "mp4" else {}
    with av.open(str(path), "w", format=container_format, options=options) as container:
        video: Any = container.add_stream(video_codec, rate=rate)
        video.width, video.height = size
        video.pix_fmt = "rgb8" if video_codec == "gif" else "yuv420p"
        video.codec_context.gop_size = 4
        if pixel_aspect is not None:
            video.codec_context.sample_aspect_ratio = pixel_aspect
        if matrix is not None:
            video.codec_context.colorspace, video.codec_context.color_range = matrix, 2 if full_range else 1
        tone: Any = None
        if sound and sound_codec:
            tone = container.add_stream(sound_codec, rate=48_000, layout="mono")
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(frame_pixels(index, *size), "rgb24").reformat(
                format=video.pix_fmt, dst_colorspace=matrix, dst_color_range=2 if full_range else None
            )
            frame.pts, frame.time_base = index, Fraction(1, rate)
            container.mux(video.encode(frame))
            if tone is not None:
                container.mux(tone.encode(_tone(index, 48_000 // rate)))
        container.mux(video.encode())
        if tone is not None:
            container.mux(tone.encode())
    return path


def _tone(index: int, samples: int) -> Any:
    times = (np.arange(samples) + index * samples) / 48_000
    frame = av.AudioFrame.from_ndarray(
        (9_000 * np.sin(880 * np.pi * times)).astype(np.int16)[np.newaxis], "s16", "mono"
    )
    frame.sample_rate, frame.pts, frame.time_base = 48_000, index * samples, Fraction(1, 48_000)
    return frame


def turn_clockwise(path: Path) -> Path:
    """Writes into an MP4's track header that players rotate it by 90° clockwise, like phones do."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 4 + 20 + 16  # version 0: times, id, duration; layer, volume
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


class RedSegmenter:
    """Classifies red pixels as person; replaces a network."""

    channels = label_set_of_names(("background", "person"))
    batches_at_once = 1

    def __init__(self) -> None:
        self.batches: list[int] = []

    def map_class_maps(
        self, images: Sequence[NDArray[np.uint8]], function: Callable[[int, NDArray[np.uint8]], Result]
    ) -> list[Result]:
        self.batches.append(len(images))
        return [function(number, self.class_map(image)) for number, image in enumerate(images)]

    def class_map(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return ((image[..., 0] > 150) & (image[..., 1] < 100)).astype(np.uint8)


class Video:
    """The decoded content of a written video."""

    def __init__(self, path: Path):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            self.codec, self.pixel_format = stream.codec_context.name, stream.codec_context.pix_fmt
            decoded = list(container.decode(stream))
            self.frames = [frame.to_ndarray(format="rgb24") for frame in decoded]
            self.times = [round(float(frame.time or 0), 3) for frame in decoded]
            self.sound_codec, self.samples, self.sound_times = None, np.zeros(0), [0.0]
            if container.streams.audio:
                sound = container.streams.audio[0]
                self.sound_codec = sound.codec_context.name
                container.seek(0)
                audio_frames = list(container.decode(sound))
                self.samples = np.concatenate([frame.to_ndarray().mean(axis=0) for frame in audio_frames])
                self.sound_times = [float(frame.time or 0) for frame in audio_frames]
                self.sound_rate = sound.codec_context.sample_rate

    @property
    def sound_seconds(self) -> float:
        return len(self.samples) / self.sound_rate

    @property
    def pitch(self) -> float:
        """The strongest frequency, hertz."""
        spectrum = np.abs(np.fft.rfft(self.samples))
        return float(np.argmax(spectrum) * self.sound_rate / len(self.samples))
