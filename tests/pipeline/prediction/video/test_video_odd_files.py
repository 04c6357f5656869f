"""Videos with damage inside, with sound that is damaged, with pixels that are not square; other codings of colours."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipeline.prediction.video.options import VideoError, VideoOptions
from pipeline.prediction.video.run import predict_video
from tests.pipeline.prediction.video.clips import (
    CODECS,
    HEIGHT,
    WIDTH,
    RedSegmenter,
    Video,
    frame_pixels,
    turn_clockwise,
    write_clip,
)

PLAIN = VideoOptions(legend=False)


def spoil(path: Path, kind: str, numbers: range) -> Path:
    """Overwrites packets of the pictures or of the sound."""
    with av.open(str(path)) as container:
        stream: Any = container.streams.best(kind)  # type: ignore[call-overload]
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
    content, place = bytearray(path.read_bytes()), 0
    for number, packet in enumerate(packets):  # in the file's order
        place = content.index(packet, place)
        if number in numbers:
            content[place : place + len(packet)] = (b"\xff\x00" * len(packet))[: len(packet)]
        place += len(packet)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".avi", ".webm", ".mkv"])
def test_damage_inside_is_reported_with_its_place(suffix: str, tmp_path: Path) -> None:
    clip = spoil(write_clip(tmp_path / f"in{suffix}", 20), "video", range(10, 14))
    with pytest.raises(
        VideoError, match=r"in\S+ is damaged after .* give an earlier --end to use what comes"
    ) as raised:
        predict_video(RedSegmenter(), clip, tmp_path / "out.mp4", PLAIN)
    found = re.search(r"after (\d\.\d) s", str(raised.value))
    assert found
    assert 0.3 <= float(found[1]) <= 1.1
    assert [path.name for path in tmp_path.iterdir()] == [clip.name]
    before = VideoOptions(end=0.3, legend=False)
    assert predict_video(RedSegmenter(), clip, tmp_path / "out.mp4", before).frames == (2 if suffix == ".avi" else 3)


@pytest.mark.parametrize(("codec", "kept_as"), [("flac", "aac"), ("ac3", "ac3")])
def test_damaged_sound_is_kept_up_to_there(
    codec: str, kept_as: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CODECS, ".mkv", ("matroska", "libx264", codec))
    clip = write_clip(tmp_path / "in.mkv", 20)
    with av.open(str(clip)) as container:
        packets = sum(1 for packet in container.demux(audio=0) if packet.size)
    spoil(clip, "audio", range(packets // 2, packets // 2 + 4))
    result = predict_video(RedSegmenter(), clip, tmp_path / "out.mp4", PLAIN)
    video = Video(tmp_path / "out.mp4")
    assert (result.sound, result.frames, len(video.frames)) == ("damaged", 20, 20)
    assert video.sound_codec == kept_as
    assert 0.8 <= video.sound_seconds <= 1.1
    assert video.pitch == pytest.approx(440, abs=5)


def test_damage_goes_along_where_sound_is_copied(tmp_path: Path) -> None:
    clip = spoil(write_clip(tmp_path / "in.mp4", 20), "audio", range(50, 60))
    assert predict_video(RedSegmenter(), clip, tmp_path / "out.mp4", PLAIN).sound == "kept"
    packets = []
    for path in (clip, tmp_path / "out.mp4"):
        with av.open(str(path)) as container:
            packets.append([bytes(packet) for packet in container.demux(audio=0) if packet.size])
    assert packets[0] == packets[1]


def _aspect(path: Path) -> tuple[tuple[int, int], Fraction]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return (stream.width, stream.height), Fraction(stream.sample_aspect_ratio or 1)


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """A clip whose pixels are 4/3 as wide as high."""
    return write_clip(tmp_path / "wide.mp4", 3, pixel_aspect=Fraction(4, 3))


@pytest.mark.parametrize(
    ("resize", "size", "aspect"),
    [
        (None, (WIDTH, HEIGHT), Fraction(4, 3)),
        (32, (32, 24), Fraction(4, 3)),
        ((96, 48), (96, 48), Fraction(1)),
    ],
)
def test_pixels_that_are_not_square(
    wide: Path, resize: Any, size: tuple[int, int], aspect: Fraction, tmp_path: Path
) -> None:
    predict_video(RedSegmenter(), wide, tmp_path / "out.mp4", VideoOptions(resize=resize, legend=False))
    assert _aspect(tmp_path / "out.mp4") == (size, aspect)


def test_they_turn_with_the_picture(wide: Path, tmp_path: Path) -> None:
    predict_video(RedSegmenter(), turn_clockwise(wide), tmp_path / "out.mp4", PLAIN)
    assert _aspect(tmp_path / "out.mp4") == ((HEIGHT, WIDTH), Fraction(3, 4))


@pytest.mark.parametrize(("turned", "size"), [(False, (84, HEIGHT)), (True, (HEIGHT, 84))])
def test_a_gif_has_square_pixels(wide: Path, turned: bool, size: tuple[int, int], tmp_path: Path) -> None:
    clip = turn_clockwise(wide) if turned else wide
    predict_video(RedSegmenter(), clip, tmp_path / "out.gif", PLAIN)
    assert Video(tmp_path / "out.gif").frames[0].shape == (*size[::-1], 3)


@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
@pytest.mark.parametrize("full_range", [False, True])
def test_colours_stay_however_they_are_coded(matrix: int, full_range: bool, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mp4", 3, matrix=matrix, full_range=full_range)
    for name, tolerance in (("out.mp4", 8), ("out.gif", 20)):  # a GIF's 256 colours are dithered
        predict_video(RedSegmenter(), clip, tmp_path / name, VideoOptions(alpha=0, legend=False))
        frame = Video(tmp_path / name).frames[0].astype(int)
        for row, column in ((12, 16), (40, 50)):
            assert np.abs(frame[row, column] - frame_pixels(0)[row, column]).max() < tolerance, (
                name,
                frame[row, column],
            )
    with av.open(str(tmp_path / "out.mp4")) as container:
        context: Any = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_range) == (matrix, 1)
