from __future__ import annotations

import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.prediction.background_work import in_background
from pipeline.prediction.painting import FixedLegend, Painter
from pipeline.prediction.video.integrity import is_cut_short
from pipeline.prediction.video.options import VideoError, VideoOptions
from pipeline.prediction.video.run import VideoProgress, predict_video
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


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A clip of one second in each format."""
    folder = tmp_path_factory.mktemp("clips")
    return {suffix: write_clip(folder / f"clip{suffix}") for suffix in CODECS}


@pytest.mark.parametrize("suffix", CODECS)
def test_every_format_becomes_an_mp4(clips: dict[str, Path], suffix: str, tmp_path: Path) -> None:
    result = predict_video(RedSegmenter(), clips[suffix], tmp_path / "out.mp4", PLAIN)
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
    assert content.index(b"moov") < content.index(b"mdat"), "the index is not in front"
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_the_picture_is_that_of_an_image(clips: dict[str, Path], tmp_path: Path) -> None:
    predict_video(RedSegmenter(), clips[".mp4"], tmp_path / "out.mp4", VideoOptions(alpha=0.7, contours=True))
    written = Video(tmp_path / "out.mp4").frames
    legend = FixedLegend(RedSegmenter.class_names, RedSegmenter.palette, WIDTH)
    for index, frame in enumerate(written):
        pixels = frame_pixels(index)
        classes = RedSegmenter().segment_batch(pixels[np.newaxis])[0]
        expected = Painter(RedSegmenter.palette, alpha=0.7, contours=True)(pixels, classes)
        assert frame.shape == (HEIGHT + legend.height, WIDTH, 3)
        # Two lossy encodings apart, with colours at half the resolution: the middle of each part is near.
        for row, column in ((12, 16), (40, 50)):
            assert np.abs(frame[row, column].astype(int) - expected[row, column]).max() < 12


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm", ".gif"])
def test_a_cut_of_pictures_and_sound(clips: dict[str, Path], suffix: str, tmp_path: Path) -> None:
    options = VideoOptions(start=0.3, end=0.7, legend=False)
    predict_video(RedSegmenter(), clips[suffix], tmp_path / "out.mp4", options)
    video = Video(tmp_path / "out.mp4")
    assert video.times == [0, 0.1, 0.2, 0.3]
    if suffix == ".gif":  # the clip's has eight shades
        return
    brightness = [int(frame[-4, -4, 0]) for frame in video.frames]
    assert brightness == pytest.approx([40 + 4 * index for index in (3, 4, 5, 6)], abs=3)
    assert video.sound_seconds == pytest.approx(0.4, abs=0.06)
    assert video.sound_times[0] == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(
    ("options", "times"),
    [
        ({"skip": 2}, [0, 0.3, 0.6, 0.9]),
        ({"fps": Fraction(5)}, [0, 0.2, 0.4, 0.6, 0.8]),
        ({"fps": Fraction(20), "end": 0.3}, [0, 0.05, 0.1, 0.15, 0.2, 0.25]),
        ({"skip": 1, "fps": Fraction(10), "end": 0.4}, [0, 0.1, 0.2, 0.3]),
    ],
)
def test_fewer_or_more_frames(
    clips: dict[str, Path], options: dict[str, Any], times: list[float], tmp_path: Path
) -> None:
    segmenter = RedSegmenter()
    predict_video(segmenter, clips[".mp4"], tmp_path / "out.mp4", VideoOptions(legend=False, **options))
    assert Video(tmp_path / "out.mp4").times == pytest.approx(times, abs=0.001)
    source_frames = {0.05: 3, 0.1: 2}.get(times[1], len(times))
    assert sum(segmenter.batches) == source_frames, "a repeated frame is segmented once"


@pytest.mark.parametrize(("resize", "size"), [((32, 32), (32, 32)), (32, (32, 24)), (128, (128, 96))])
def test_other_sizes(clips: dict[str, Path], resize: Any, size: tuple[int, int], tmp_path: Path) -> None:
    predict_video(RedSegmenter(), clips[".mp4"], tmp_path / "out.mp4", VideoOptions(resize=resize, legend=False))
    frame = Video(tmp_path / "out.mp4").frames[0]
    assert frame.shape == (size[1], size[0], 3)
    assert frame[size[1] // 4, size[0] // 4, 0] > frame[-2, -2, 0] + 50


def test_odd_sides_lose_a_pixel(tmp_path: Path) -> None:
    write_clip(tmp_path / "odd.gif", 3, size=(33, 27))
    predict_video(RedSegmenter(), tmp_path / "odd.gif", tmp_path / "out.mp4", PLAIN)
    assert Video(tmp_path / "out.mp4").frames[0].shape == (26, 32, 3)


def test_a_phone_s_rotation_is_honoured(tmp_path: Path) -> None:
    turned = turn_clockwise(write_clip(tmp_path / "phone.mp4", 3))
    predict_video(RedSegmenter(), turned, tmp_path / "out.mp4", PLAIN)
    frame = Video(tmp_path / "out.mp4").frames[0]
    assert frame.shape == (WIDTH, HEIGHT, 3)
    quarters = {
        (y, x): int(frame[WIDTH // 4 + y * WIDTH // 2, HEIGHT // 4 + x * HEIGHT // 2, 0])
        for y in (0, 1)
        for x in (0, 1)
    }
    assert max(quarters, key=quarters.__getitem__) == (0, 1), "the square went from the upper left to the upper right"


def test_a_gif(clips: dict[str, Path], tmp_path: Path) -> None:
    result = predict_video(RedSegmenter(), clips[".mp4"], tmp_path / "out.gif", VideoOptions(alpha=1.0))
    video = Video(tmp_path / "out.gif")
    assert (video.codec, result.sound, len(video.frames)) == ("gif", "none", 10)
    assert video.times == pytest.approx([index / 10 for index in range(10)])
    assert np.abs(video.frames[0][12, 16].astype(int) - (192, 128, 128)).max() < 12


def test_no_sound_when_not_wanted(clips: dict[str, Path], tmp_path: Path) -> None:
    predict_video(RedSegmenter(), clips[".mp4"], tmp_path / "out.mp4", VideoOptions(sound=False))
    assert Video(tmp_path / "out.mp4").sound_codec is None


def test_batches_and_progress(clips: dict[str, Path], tmp_path: Path) -> None:
    segmenter, seen = RedSegmenter(), []
    predict_video(segmenter, clips[".mp4"], tmp_path / "out.mp4", VideoOptions(batch_size=4), seen.append)
    assert segmenter.batches == [4, 4, 2]
    assert [(progress.done, progress.total) for progress in seen] == [(4, 10), (8, 10), (10, 10)]
    assert seen[-1].seconds_left == 0
    assert VideoProgress(5, 20, 2.0).frames_per_second == 2.5
    assert VideoProgress(5, 20, 2.0).seconds_left == 6.0
    assert VideoProgress(5, None, 2.0).seconds_left is None


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("share", [0.3, 0.7, None])
def test_a_video_that_is_cut_short(clips: dict[str, Path], suffix: str, share: float | None, tmp_path: Path) -> None:
    content = clips[suffix].read_bytes()
    source = tmp_path / f"cut{suffix}"
    source.write_bytes(content[: int(len(content) * share) if share else -1])
    assert is_cut_short(source)
    assert not is_cut_short(clips[suffix])
    with pytest.raises(VideoError, match=rf"cut{suffix} .*is cut short") as raised:
        predict_video(RedSegmenter(), source, tmp_path / "out.mp4", PLAIN)
    assert str(tmp_path) not in raised.value.reason
    assert not list(tmp_path.glob("*out*")) + list(tmp_path.glob(".*"))


def test_what_comes_before_the_cut_can_be_had(clips: dict[str, Path], tmp_path: Path) -> None:
    content = clips[".mp4"].read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: int(len(content) * 0.8)])
    predict_video(RedSegmenter(), tmp_path / "cut.mp4", tmp_path / "out.mp4", VideoOptions(end=0.3))
    assert len(Video(tmp_path / "out.mp4").frames) == 3
    with pytest.raises(VideoError, match=r"it ends at .* s, before --end"):
        predict_video(RedSegmenter(), tmp_path / "cut.mp4", tmp_path / "out.mp4", VideoOptions(end=0.95))


def _foreign(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"this is no video" * 100)


def _playlist(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{tmp_path}/other.mp4\n")


def _empty(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").touch()


def _sound_alone(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "in.mp4"), "w") as container:
        stream: Any = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _tiny(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.gif", 2, size=(8, 8)).rename(tmp_path / "in.mp4")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (None, "in.mp4 is missing"),
        (
            _foreign,
            r"in.mp4 can't be read as a video \(mp4, mov, avi, webm, gif\): it is damaged, or of another format",
        ),
        (_playlist, "can't be read as a video"),
        (_empty, "can't be read as a video"),
        (_sound_alone, "in.mp4 holds no pictures"),
        (_tiny, "in.mp4 has pictures of 8 × 8 pixels: too small"),
    ],
)
def test_what_is_no_video(make: Any, message: str, tmp_path: Path) -> None:
    if make:
        make(tmp_path)
    (tmp_path / "out.mp4").write_bytes(b"good data")
    with pytest.raises(VideoError, match=message):
        predict_video(RedSegmenter(), tmp_path / "in.mp4", tmp_path / "out.mp4", PLAIN)
    assert (tmp_path / "out.mp4").read_bytes() == b"good data"


def test_a_start_behind_the_end(clips: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"clip.mp4 is 1.0 s long: --start 5 s lies behind it"):
        predict_video(RedSegmenter(), clips[".mp4"], tmp_path / "out.mp4", VideoOptions(start=5))


def test_a_name_with_a_colon_is_no_address(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "http: x.mp4", 2)
    assert predict_video(RedSegmenter(), clip, tmp_path / "a:b.mp4", PLAIN).frames == 2


def test_nothing_is_left_of_work_that_failed(clips: dict[str, Path], tmp_path: Path) -> None:
    class Broken(RedSegmenter):
        def segment_batch(self, images: np.ndarray) -> np.ndarray:
            if self.batches:
                raise RuntimeError("out of memory")
            return super().segment_batch(images)

    threads = threading.active_count()
    with pytest.raises(RuntimeError, match="out of memory"):
        predict_video(Broken(), clips[".mp4"], tmp_path / "out.mp4", VideoOptions(batch_size=2))
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads
    with pytest.raises(VideoError, match=r"clip.mp4 can't be written to .*missing/out.mp4: No such file"):
        predict_video(RedSegmenter(), clips[".mp4"], tmp_path / "missing" / "out.mp4")
    with pytest.raises(VideoError, match=r"a video becomes .mp4 or .gif"):
        predict_video(RedSegmenter(), clips[".mp4"], tmp_path / "out.mkv")


def test_background_work_does_not_run_away() -> None:
    made: list[int] = []

    def items() -> Any:
        for index in range(100):
            made.append(index)
            yield index

    with in_background(items(), ahead=2) as results:
        assert next(results) == 0
        time.sleep(0.3)
        assert len(made) <= 5
    assert len(made) <= 6
    with in_background((1 // (2 - index) for index in range(5)), ahead=1) as results:
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ZeroDivisionError):
            next(results)


def test_painting_equals_blending() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    classes = rng.integers(0, 3, (40, 50), dtype=np.uint8)
    palette = ((0, 0, 0), (192, 128, 128), (64, 0, 128))
    for alpha in (0.0, 0.3, 1.0):
        painted = Painter(palette, alpha=alpha)(picture, classes)
        blended = (1 - alpha) * picture + alpha * np.array(palette)[classes]
        expected = np.where(classes[..., np.newaxis] == 0, picture, np.rint(blended.astype(np.float32)))
        assert np.abs(painted - expected).max() <= 1
        assert (painted[classes == 0] == picture[classes == 0]).all()
    with pytest.raises(ValueError, match="holds 3, but there are 3 colours"):
        Painter(palette)(picture, classes + 1)
    with pytest.raises(ValueError, match="don't match"):
        Painter(palette)(picture, classes[1:])


def test_the_legend_keeps_its_size() -> None:
    legend = FixedLegend(("background", "person", "dog"), ((0, 0, 0), (192, 128, 128), (64, 0, 128)), 200)
    none, one = legend(np.zeros((4, 4), np.uint8)), legend(np.eye(4, dtype=np.uint8))
    assert none.shape == one.shape == (legend.height, 200, 3)
    assert legend.height % 2 == 0
    assert one.astype(int).sum() < none.astype(int).sum(), "what is there is not pale"
