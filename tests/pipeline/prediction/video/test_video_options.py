from __future__ import annotations

import argparse
import subprocess
import sys
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.prediction.video.frame_times import shown_frames, thinned
from pipeline.prediction.video.options import (
    VideoError,
    VideoOptions,
    add_video_arguments,
    frame_rate,
    output_size,
    picture_size,
    seconds,
    video_options,
)

milliseconds = st.lists(st.integers(0, 5_000), min_size=1, max_size=10, unique=True)
times = milliseconds.map(lambda values: [Fraction(value, 1000) for value in sorted(values)])
unhurried = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("12.5", 12.5), (".5", 0.5), ("90", 90), ("1:30", 90), ("01:02:03.5", 3723.5), ("100:00:00", 360_000)],
)
def test_times(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "-1", "1:60", "1:99:00", "nan", "1e3", "1:2:3:4", "ten"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no time"):
        seconds(text)


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (picture_size, "640x360", (640, 360)),
        (picture_size, "320", 320),
        (frame_rate, "25", Fraction(25)),
        (frame_rate, "30000/1001", Fraction(30000, 1001)),
        (frame_rate, "12.5", Fraction(25, 2)),
    ],
)
def test_sizes_and_rates(parse: Any, text: str, expected: Any) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("parse", "text"),
    [(picture_size, "8"), (picture_size, "64x"), (picture_size, "1x2x3"), (picture_size, "99999")]
    + [(frame_rate, text) for text in ("0", "-5", "1/0", "nan", "1000", "fast")],
)
def test_sizes_and_rates_that_are_refused(parse: Any, text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        parse(text)


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(VideoError, match="--end 2 s is not after --start 3 s"):
        VideoOptions(start=3, end=2)


def test_the_command_line_gives_all_options() -> None:
    parser = argparse.ArgumentParser()
    add_video_arguments(parser)
    parsed = parser.parse_args(
        ["--start", "1", "--end", "0:02", "--skip", "1", "--fps", "5", "--resize", "32x16", "--no-sound"]
    )
    vars(parsed).update(alpha=0.3, legend=False, contours=True, batch=3)
    assert video_options(parsed) == VideoOptions(1, 2, 1, Fraction(5), (32, 16), False, 0.3, False, True, 3)
    vars(parsed).update(vars(parser.parse_args([])), alpha=0.5, legend=True, contours=False, batch=8)
    assert video_options(parsed) == VideoOptions()


def test_options_are_light() -> None:
    program = (
        "import sys, pipeline.prediction.video.options\n"
        "sys.exit(str({'av', 'numpy', 'PIL', 'tensorflow', 'pydantic'} & set(sys.modules) or 0))"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == 0 or finished.stderr.strip() == "0", finished.stderr


@unhurried
@given(
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.one_of(st.none(), st.integers(16, 4000), st.tuples(st.integers(16, 4000), st.integers(16, 4000))),
)
def test_sizes_are_even_and_keep_the_shape(width: int, height: int, resize: Any) -> None:
    new_width, new_height = output_size(width, height, resize)
    assert new_width % 2 == new_height % 2 == 0
    assert min(new_width, new_height) >= 2
    if isinstance(resize, int):
        assert abs(max(new_width, new_height) - resize) <= 1
        assert abs(new_width * height - new_height * width) <= 2 * (width + height) or min(new_width, new_height) == 2


@unhurried
@given(times, st.integers(1, 200).map(lambda tenths: Fraction(tenths, 10)))
def test_at_each_instant_the_latest_frame_is_shown(begins: list[Fraction], fps: Fraction) -> None:
    last = Fraction(1, 10)
    timed = [(begin, begin) for begin in begins]
    shown = [(time, frame) for frame, at in shown_frames(timed, fps, last_duration=last) for time in at]
    assert [time for time, _ in shown] == [step / fps for step in range(len(shown))]
    for time, frame in shown:
        assert frame == max([begin for begin in begins if begin <= time], default=begins[0])
    begin_of_last = begins[-1] if len(begins) > 1 else Fraction(0)
    assert len(shown) / fps >= begin_of_last + last
    assert (len(shown) - 1) / fps < begin_of_last + last


@unhurried
@given(times)
def test_without_a_rate_the_times_stay(begins: list[Fraction]) -> None:
    timed = [(begin, begin) for begin in [begins[0], *begins]]  # two frames of the same time
    first, *rest = shown_frames(timed, None, last_duration=Fraction(1))
    assert first == (begins[0], (0,)), "the first one is shown from the beginning"
    assert rest == [(begin, (begin,)) for begin in begins[1:]]


@unhurried
@given(st.integers(0, 40), st.integers(0, 5))
def test_thinning(frames: int, skip: int) -> None:
    timed = [(Fraction(index), index) for index in range(frames)]
    assert [index for _, index in thinned(timed, skip)] == list(range(0, frames, skip + 1))
