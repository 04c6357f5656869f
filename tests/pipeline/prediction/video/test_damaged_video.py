"""Damage inside a video is reported with its time; damaged sound is kept up to the damage."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import av
import pytest

from pipeline.prediction.video.options import VideoError, VideoOptions
from pipeline.prediction.video.predict_video import predict_video
from tests.pipeline.prediction.video.clips import CODECS, RedSegmenter, Video, write_clip

if TYPE_CHECKING:
    from pathlib import Path

NO_LEGEND = VideoOptions(legend=False)


def damage(path: Path, kind: Literal["video", "audio"], numbers: range) -> Path:
    """Overwrites packets of the stream."""
    with av.open(str(path)) as container:
        stream: Any = container.streams.best(kind)
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
    content, offset = bytearray(path.read_bytes()), 0
    for number, packet in enumerate(packets):  # in the file's order
        offset = content.index(packet, offset)
        if number in numbers:
            content[offset : offset + len(packet)] = (b"\xff\x00" * len(packet))[: len(packet)]
        offset += len(packet)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".avi", ".webm", ".mkv"])
def test_damage_is_reported_with_its_time(suffix: str, tmp_path: Path) -> None:
    clip = damage(write_clip(tmp_path / f"in{suffix}", 20), "video", range(10, 14))
    with pytest.raises(
        VideoError, match=r"in\S+ is damaged after .* give an earlier --end to use the part before"
    ) as raised:
        predict_video(RedSegmenter(), clip, tmp_path / "out.mp4", NO_LEGEND)
    found = re.search(r"after (\d\.\d) s", str(raised.value))
    assert found
    assert 0.3 <= float(found[1]) <= 1.1
    assert [path.name for path in tmp_path.iterdir()] == [clip.name]
    before = VideoOptions(end=0.3, legend=False)
    assert predict_video(RedSegmenter(), clip, tmp_path / "out.mp4", before).frames == (2 if suffix == ".avi" else 3)


@pytest.mark.parametrize(("codec", "expected_codec"), [("flac", "aac"), ("ac3", "ac3")])
def test_damaged_sound_is_kept_up_to_the_damage(
    codec: str, expected_codec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CODECS, ".mkv", ("matroska", "libx264", codec))
    clip = write_clip(tmp_path / "in.mkv", 20)
    with av.open(str(clip)) as container:
        packets = sum(1 for packet in container.demux(audio=0) if packet.size)
    damage(clip, "audio", range(packets // 2, packets // 2 + 4))
    result = predict_video(RedSegmenter(), clip, tmp_path / "out.mp4", NO_LEGEND)
    video = Video(tmp_path / "out.mp4")
    assert (result.sound, result.frames, len(video.frames)) == ("damaged", 20, 20)
    assert video.sound_codec == expected_codec
    assert 0.8 <= video.sound_seconds <= 1.1
    assert video.pitch == pytest.approx(440, abs=5)


def test_copied_sound_keeps_its_damage(tmp_path: Path) -> None:
    clip = damage(write_clip(tmp_path / "in.mp4", 20), "audio", range(50, 60))
    assert predict_video(RedSegmenter(), clip, tmp_path / "out.mp4", NO_LEGEND).sound == "kept"
    packets = []
    for path in (clip, tmp_path / "out.mp4"):
        with av.open(str(path)) as container:
            packets.append([bytes(packet) for packet in container.demux(audio=0) if packet.size])
    assert packets[0] == packets[1]
