"""Truncated files and files that are not videos are refused, and nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from pipeline.prediction.video.container import is_truncated
from pipeline.prediction.video.options import VideoError, VideoOptions
from pipeline.prediction.video.predict_video import predict_video
from tests.fuzz.image_files import gif
from tests.pipeline.prediction.video.clips import CODECS, RedSegmenter, Video, write_clip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NO_LEGEND = VideoOptions(legend=False)


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("share", [0.3, 0.7, None])
def test_a_truncated_video_is_refused(clips: dict[str, Path], suffix: str, share: float | None, tmp_path: Path) -> None:
    content = clips[suffix].read_bytes()
    source = tmp_path / f"cut{suffix}"
    source.write_bytes(content[: int(len(content) * share) if share else -1])
    assert is_truncated(source)
    assert not is_truncated(clips[suffix])
    with pytest.raises(VideoError, match=rf"cut{suffix} .*is truncated") as raised:
        predict_video(RedSegmenter(), source, tmp_path / "out.mp4", NO_LEGEND)
    assert str(tmp_path) not in raised.value.reason
    assert not list(tmp_path.glob("*out*")) + list(tmp_path.glob(".*"))


FTYP = b"\0\0\0\x10ftypisom\0\0\0\0"
LONG_MDAT = b"\0\0\0\x01mdat" + (24).to_bytes(8, "big") + bytes(8)  # its size has 64 bits
EBML = b"\x1a\x45\xdf\xa3\x84head"
SEGMENT = b"\x18\x53\x80\x67"


@pytest.mark.parametrize(
    "content",
    [
        FTYP + b"\0\0\0\x0cmdat1234",
        FTYP + LONG_MDAT,
        b"RIFF\x04\0\0\0AVI " + b"RIFF\x08\0\0\0AVIX1234",
        EBML + SEGMENT + b"\x8812345678",
        EBML + SEGMENT + b"\x40\x0812345678",  # the same size in two bytes
    ],
)
def test_every_end_before_that_of_the_last_part_is_truncated(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "video"
    file.write_bytes(content)
    assert not is_truncated(file)
    last_part = len(content) - 4
    for length in range(last_part, len(content)):
        file.write_bytes(content[:length])
        assert is_truncated(file), length


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(FTYP + b"\0\0\0\0mdat", id="a box up to the end of the file"),
        pytest.param(FTYP + b"\0\0\0\x05mdat", id="a size that no box has"),
        pytest.param(FTYP + bytes(5), id="zeros after the last box"),
        pytest.param(b"RIFF\0\0\0\0AVI ", id="an AVI whose size was never written"),
        pytest.param(b"RIFF\x04\0\0\0AVI more data", id="other data after an AVI"),
        pytest.param(EBML + SEGMENT + b"\xff12345678", id="a live recording"),
        pytest.param(EBML + SEGMENT, id="a segment without a size"),
        pytest.param(EBML + b"\xec\x81\0\0\0", id="another element in place of the segment"),
        pytest.param(b"\x1a\x45\xdf\xa3\xffhead", id="a header of unknown size"),
        pytest.param(b"1234mp4?", id="an unknown format"),
    ],
)
def test_a_file_that_does_not_say_where_it_ends_is_not_called_truncated(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "video").write_bytes(content)
    assert not is_truncated(tmp_path / "video")
    assert not is_truncated(tmp_path)
    assert not is_truncated(tmp_path / "missing")


def test_the_beginning_of_a_truncated_video_can_be_used(clips: dict[str, Path], tmp_path: Path) -> None:
    content = clips[".mp4"].read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: int(len(content) * 0.8)])
    predict_video(RedSegmenter(), tmp_path / "cut.mp4", tmp_path / "out.mp4", VideoOptions(end=0.3))
    assert len(Video(tmp_path / "out.mp4").frames) == 3
    with pytest.raises(VideoError, match=r"is truncated: it ends at .* s, before --end"):
        predict_video(RedSegmenter(), tmp_path / "cut.mp4", tmp_path / "out.mp4", VideoOptions(end=0.95))


def _text(file: Path) -> None:
    file.write_bytes(b"this is not a video" * 100)


def _playlist(file: Path) -> None:
    file.write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{file.parent}/other.mp4\n")


def _empty(file: Path) -> None:
    file.touch()


def _sound_only(file: Path) -> None:
    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _tiny_gif(file: Path) -> None:
    write_clip(file.with_suffix(".gif"), 2, size=(8, 8)).rename(file)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (None, r"in\.mp4 does not exist"),
        (
            _text,
            r"in\.mp4 cannot be read as a video \(mp4, mov, avi, webm, gif\): it is damaged or has another format",
        ),
        (_playlist, "cannot be read as a video"),
        (_empty, "cannot be read as a video"),
        (_sound_only, r"in\.mp4 contains no video"),
        (_tiny_gif, r"in\.mp4 has frames of 8 × 8 pixels: a side must have at least 16"),
    ],
)
def test_a_file_that_is_not_a_video_is_refused(
    make: Callable[[Path], None] | None, message: str, tmp_path: Path
) -> None:
    if make is not None:
        make(tmp_path / "in.mp4")
    (tmp_path / "out.mp4").write_bytes(b"good data")
    with pytest.raises(VideoError, match=message):
        predict_video(RedSegmenter(), tmp_path / "in.mp4", tmp_path / "out.mp4", NO_LEGEND)
    assert (tmp_path / "out.mp4").read_bytes() == b"good data"


def test_a_name_with_a_colon_is_not_an_address(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "http: x.mp4", 2)
    assert predict_video(RedSegmenter(), clip, tmp_path / "a:b.mp4", NO_LEGEND).frames == 2


def test_a_gif_with_large_frames_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    source = tmp_path / "large.mp4"  # the content decides
    source.write_bytes(gif((5_000, 4_000), [(5_000, 4_000)] * 2, coded=False))
    with pytest.raises(
        VideoError, match="has frames of 5000 × 4000 pixels, and those of a GIF may have 8,294,400: make"
    ):
        predict_video(RedSegmenter(), source, tmp_path / "out.mp4", NO_LEGEND)
