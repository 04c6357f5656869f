"""Rotation, pixel aspect ratio and coding of colours of a video are respected."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from pipeline.prediction.video.options import VideoOptions
from pipeline.prediction.video.predict_video import predict_video
from tests.pipeline.prediction.video.clips import (
    HEIGHT,
    WIDTH,
    RedSegmenter,
    Video,
    frame_pixels,
    turn_clockwise,
    write_clip,
)

if TYPE_CHECKING:
    from pathlib import Path

NO_LEGEND = VideoOptions(legend=False)


def _aspect(path: Path) -> tuple[tuple[int, int], Fraction]:
    """Width and height of the frames, and the pixels' aspect ratio."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return (stream.width, stream.height), Fraction(stream.sample_aspect_ratio or 1)


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """A clip with pixels of the aspect ratio 4 : 3."""
    return write_clip(tmp_path / "wide.mp4", 3, pixel_aspect=Fraction(4, 3))


def test_the_rotation_of_a_phone_is_applied(tmp_path: Path) -> None:
    turned = turn_clockwise(write_clip(tmp_path / "phone.mp4", 3))
    predict_video(RedSegmenter(), turned, tmp_path / "out.mp4", NO_LEGEND)
    frame = Video(tmp_path / "out.mp4").frames[0]
    assert frame.shape == (WIDTH, HEIGHT, 3)
    quarters = {
        (y, x): int(frame[WIDTH // 4 + y * WIDTH // 2, HEIGHT // 4 + x * HEIGHT // 2, 0])
        for y in (0, 1)
        for x in (0, 1)
    }
    assert max(quarters, key=quarters.__getitem__) == (0, 1), "the square is not at the upper right"


@pytest.mark.parametrize(
    ("resize", "size", "aspect"),
    [
        (None, (WIDTH, HEIGHT), Fraction(4, 3)),
        (32, (32, 24), Fraction(4, 3)),
        ((96, 48), (96, 48), Fraction(1)),
    ],
)
def test_pixels_that_are_not_square(
    wide: Path, resize: tuple[int, int] | int | None, size: tuple[int, int], aspect: Fraction, tmp_path: Path
) -> None:
    predict_video(RedSegmenter(), wide, tmp_path / "out.mp4", VideoOptions(resize=resize, legend=False))
    assert _aspect(tmp_path / "out.mp4") == (size, aspect)


def test_the_pixel_aspect_is_inverted_if_the_picture_is_rotated(wide: Path, tmp_path: Path) -> None:
    predict_video(RedSegmenter(), turn_clockwise(wide), tmp_path / "out.mp4", NO_LEGEND)
    assert _aspect(tmp_path / "out.mp4") == ((HEIGHT, WIDTH), Fraction(3, 4))


@pytest.mark.parametrize(("turned", "size"), [(False, (84, HEIGHT)), (True, (HEIGHT, 84))])
def test_a_gif_has_square_pixels(wide: Path, turned: bool, size: tuple[int, int], tmp_path: Path) -> None:
    clip = turn_clockwise(wide) if turned else wide
    predict_video(RedSegmenter(), clip, tmp_path / "out.gif", NO_LEGEND)
    assert Video(tmp_path / "out.gif").frames[0].shape == (*size[::-1], 3)


@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
@pytest.mark.parametrize("full_range", [False, True])
def test_colours_are_preserved_for_every_coding(matrix: int, full_range: bool, tmp_path: Path) -> None:
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
