from __future__ import annotations

import argparse
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.commands.video_arguments import add_video_arguments, frame_rate, frame_size, seconds, video_options
from pipeline.prediction.video.options import VideoOptions

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("12.5", 12.5), (".5", 0.5), ("90", 90), ("1:30", 90), ("01:02:03.5", 3723.5), ("100:00:00", 360_000)],
)
def test_times_are_parsed(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "-1", "1:60", "1:99:00", "nan", "1e3", "1:2:3:4", "ten"])
def test_invalid_times_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a time"):
        seconds(text)


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (frame_size, "640x360", (640, 360)),
        (frame_size, "320", 320),
        (frame_rate, "25", Fraction(25)),
        (frame_rate, "30000/1001", Fraction(30000, 1001)),
        (frame_rate, "12.5", Fraction(25, 2)),
    ],
)
def test_sizes_and_rates_are_parsed(parse: Callable[[str], Any], text: str, expected: Any) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("parse", "text"),
    [(frame_size, "8"), (frame_size, "64x"), (frame_size, "1x2x3"), (frame_size, "99999")]
    + [(frame_rate, text) for text in ("0", "-5", "1/0", "nan", "1000", "fast")],
)
def test_invalid_sizes_and_rates_are_refused(parse: Callable[[str], Any], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        parse(text)


def test_the_command_line_sets_all_options() -> None:
    parser = argparse.ArgumentParser()
    add_video_arguments(parser)
    parsed = parser.parse_args(
        ["--start", "1", "--end", "0:02", "--skip", "1", "--fps", "5", "--resize", "32x16", "--no-sound"]
    )
    vars(parsed).update(alpha=0.3, legend=False, contours=True, batch=3)
    assert video_options(parsed) == VideoOptions(1, 2, 1, Fraction(5), (32, 16), False, 0.3, False, True, 3)


def test_the_defaults_are_those_of_video_options() -> None:
    parser = argparse.ArgumentParser()
    add_video_arguments(parser)
    parsed = parser.parse_args([])
    vars(parsed).update(alpha=0.5, legend=True, contours=False, batch=8)
    assert video_options(parsed) == VideoOptions()
