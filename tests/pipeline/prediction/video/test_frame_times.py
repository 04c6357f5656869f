"""Which frames are shown and when, as properties that hold for any times."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.prediction.video.frame_times import shown_frames, without_skipped

milliseconds = st.lists(st.integers(0, 5_000), min_size=1, max_size=10, unique=True)
times = milliseconds.map(lambda values: [Fraction(value, 1000) for value in sorted(values)])
few_examples = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])


@few_examples
@given(times, st.integers(1, 200).map(lambda tenths: Fraction(tenths, 10)))
def test_at_each_time_the_latest_frame_is_shown(begins: list[Fraction], fps: Fraction) -> None:
    last = Fraction(1, 10)
    timed = [(begin, begin) for begin in begins]
    shown = [(time, frame) for frame, at in shown_frames(timed, fps, last_duration=last) for time in at]
    assert [time for time, _ in shown] == [step / fps for step in range(len(shown))]
    for time, frame in shown:
        assert frame == max([begin for begin in begins if begin <= time], default=begins[0])
    begin_of_last = begins[-1] if len(begins) > 1 else Fraction(0)
    assert len(shown) / fps >= begin_of_last + last
    assert (len(shown) - 1) / fps < begin_of_last + last


@few_examples
@given(times)
def test_without_a_frame_rate_the_frames_keep_their_times(begins: list[Fraction]) -> None:
    timed = [(begin, begin) for begin in [begins[0], *begins]]  # the first two frames have the same time
    first, *rest = shown_frames(timed, None, last_duration=Fraction(1))
    assert first == (begins[0], (Fraction(0),)), "the first frame is not shown from the beginning"
    assert rest == [(begin, (begin,)) for begin in begins[1:]]


@few_examples
@given(st.integers(0, 40), st.integers(0, 5))
def test_skipped_frames_are_discarded(frames: int, skip: int) -> None:
    timed = [(Fraction(index), index) for index in range(frames)]
    assert [index for _, index in without_skipped(timed, skip)] == list(range(0, frames, skip + 1))
