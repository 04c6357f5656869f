"""`predict_video` writes overlays of all supported formats, cut, skipped and resized as requested, with sound."""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.prediction.video.options import VideoError, VideoOptions
from pipeline.prediction.video.predict_video import VideoProgress, predict_video
from tests.pipeline.prediction.video.clips import CODECS, RedSegmenter, Video, write_clip

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NO_LEGEND = VideoOptions(legend=False)


@pytest.mark.parametrize("suffix", CODECS)
def test_every_format_becomes_an_mp4(clips: dict[str, Path], suffix: str, tmp_path: Path) -> None:
    result = predict_video(RedSegmenter(), clips[suffix], tmp_path / "out.mp4", NO_LEGEND)
    video = Video(tmp_path / "out.mp4")
    assert (video.codec, video.pixel_format) == ("h264", "yuv420p")
    assert result.frames == len(video.frames) == 10
    assert video.times[0] == 0
    assert video.times[-1] == pytest.approx(1.0 if suffix == ".avi" else 0.9, abs=0.01)  # MPEG-4's own delay
    assert result.sound == ("none" if suffix == ".gif" else "kept")
    if suffix != ".gif":
        assert video.sound_codec == {".avi": "mp3float"}.get(suffix, "aac")
        assert video.sound_seconds == pytest.approx(1, abs=0.1)
        assert video.pitch == pytest.approx(440, abs=5)
    content = (tmp_path / "out.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "the index is not at the beginning"
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm", ".gif"])
def test_pictures_and_sound_are_cut(clips: dict[str, Path], suffix: str, tmp_path: Path) -> None:
    options = VideoOptions(start=0.3, end=0.7, legend=False)
    predict_video(RedSegmenter(), clips[suffix], tmp_path / "out.mp4", options)
    video = Video(tmp_path / "out.mp4")
    assert video.times == [0, 0.1, 0.2, 0.3]
    if suffix == ".gif":  # no sound, and only eight shades
        return
    brightness = [int(frame[-4, -4, 0]) for frame in video.frames]
    assert brightness == pytest.approx([40 + 4 * index for index in (3, 4, 5, 6)], abs=3)
    assert video.sound_seconds == pytest.approx(0.4, abs=0.06)
    assert video.sound_times[0] == pytest.approx(0, abs=0.03)


def test_a_start_after_the_end_of_the_video_is_refused(clips: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"clip\.mp4 is 1\.0 s long: --start 5 s is after its end"):
        predict_video(RedSegmenter(), clips[".mp4"], tmp_path / "out.mp4", VideoOptions(start=5))


@pytest.mark.parametrize(
    ("options", "times"),
    [
        ({"skip": 2}, [0, 0.3, 0.6, 0.9]),
        ({"fps": Fraction(5)}, [0, 0.2, 0.4, 0.6, 0.8]),
        ({"fps": Fraction(20), "end": 0.3}, [0, 0.05, 0.1, 0.15, 0.2, 0.25]),
        ({"skip": 1, "fps": Fraction(10), "end": 0.4}, [0, 0.1, 0.2, 0.3]),
    ],
)
def test_frames_are_skipped_or_repeated(
    clips: dict[str, Path], options: dict[str, Any], times: list[float], tmp_path: Path
) -> None:
    segmenter = RedSegmenter()
    predict_video(segmenter, clips[".mp4"], tmp_path / "out.mp4", VideoOptions(legend=False, **options))
    assert Video(tmp_path / "out.mp4").times == pytest.approx(times, abs=0.001)
    source_frames = {0.05: 3, 0.1: 2}.get(times[1], len(times))
    assert sum(segmenter.batches) == source_frames, "a repeated frame is not segmented exactly once"


@pytest.mark.parametrize(("resize", "size"), [((32, 32), (32, 32)), (32, (32, 24)), (128, (128, 96))])
def test_frames_are_resized(
    clips: dict[str, Path], resize: tuple[int, int] | int, size: tuple[int, int], tmp_path: Path
) -> None:
    predict_video(RedSegmenter(), clips[".mp4"], tmp_path / "out.mp4", VideoOptions(resize=resize, legend=False))
    frame = Video(tmp_path / "out.mp4").frames[0]
    assert frame.shape == (size[1], size[0], 3)
    assert frame[size[1] // 4, size[0] // 4, 0] > frame[-2, -2, 0] + 50


def test_odd_sides_are_reduced_by_a_pixel(tmp_path: Path) -> None:
    write_clip(tmp_path / "odd.gif", 3, size=(33, 27))
    predict_video(RedSegmenter(), tmp_path / "odd.gif", tmp_path / "out.mp4", NO_LEGEND)
    assert Video(tmp_path / "out.mp4").frames[0].shape == (26, 32, 3)


def test_a_gif_is_written(clips: dict[str, Path], tmp_path: Path) -> None:
    result = predict_video(RedSegmenter(), clips[".mp4"], tmp_path / "out.gif", VideoOptions(alpha=1.0))
    video = Video(tmp_path / "out.gif")
    assert (video.codec, result.sound, len(video.frames)) == ("gif", "none", 10)
    assert video.times == pytest.approx([index / 10 for index in range(10)])
    assert np.abs(video.frames[0][12, 16].astype(int) - (192, 128, 128)).max() < 12


def test_the_sound_is_removed_on_request(clips: dict[str, Path], tmp_path: Path) -> None:
    predict_video(RedSegmenter(), clips[".mp4"], tmp_path / "out.mp4", VideoOptions(sound=False))
    assert Video(tmp_path / "out.mp4").sound_codec is None


def test_frames_are_batched_and_progress_is_reported(clips: dict[str, Path], tmp_path: Path) -> None:
    segmenter = RedSegmenter()
    seen: list[VideoProgress] = []
    predict_video(segmenter, clips[".mp4"], tmp_path / "out.mp4", VideoOptions(batch_size=4), seen.append)
    assert segmenter.batches == [4, 4, 2]
    assert [(progress.done, progress.total) for progress in seen] == [(4, 10), (8, 10), (10, 10)]
    assert seen[-1].seconds_left == 0


def test_rate_and_remaining_time() -> None:
    assert VideoProgress(5, 20, 2.0).frames_per_second == 2.5
    assert VideoProgress(5, 20, 2.0).seconds_left == 6.0
    assert VideoProgress(5, None, 2.0).seconds_left is None


def test_no_file_and_no_thread_is_left_after_a_failure(clips: dict[str, Path], tmp_path: Path) -> None:
    class FailsAtSecondBatch(RedSegmenter):
        def class_map(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
            if len(self.batches) > 1:
                raise RuntimeError("out of memory")
            return super().class_map(image)

    threads = threading.active_count()
    with pytest.raises(RuntimeError, match="out of memory"):
        predict_video(FailsAtSecondBatch(), clips[".mp4"], tmp_path / "out.mp4", VideoOptions(batch_size=2))
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads


def test_destinations_that_cannot_be_written(clips: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"clip\.mp4 cannot be written to .*missing/out\.mp4: No such file"):
        predict_video(RedSegmenter(), clips[".mp4"], tmp_path / "missing" / "out.mp4")
    with pytest.raises(VideoError, match=r"out\.mkv cannot be written: the result must be an \.mp4 or a \.gif"):
        predict_video(RedSegmenter(), clips[".mp4"], tmp_path / "out.mkv")
