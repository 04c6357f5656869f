from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measuring.row import Row, Target

positive = st.floats(1e-6, 1e6)
rounds_of_pairs = st.lists(st.tuples(positive, positive), min_size=1, max_size=9).map(tuple)


def row(*rounds: tuple[float, float], target: Target | None = None) -> Row:
    return Row("training step", "bare fit", "s", rounds, target)


def test_the_ratio_is_the_median_of_the_rounds_and_not_the_ratio_of_the_medians() -> None:
    measured = row((1, 1), (4, 2), (30, 10))
    assert measured.ratios == (1, 2, 3)
    assert (measured.ratio, measured.value, measured.reference_value) == (2, 4, 2)
    assert row((1, 1), (4, 2), (30, 10), (4, 1)).ratio == 2.5


@given(rounds_of_pairs, positive)
def test_a_machine_that_is_slower_throughout_has_the_same_ratios(
    rounds: tuple[tuple[float, float], ...], slower: float
) -> None:
    other = row(*((value * slower, reference * slower) for value, reference in rounds))
    assert other.ratios == pytest.approx(row(*rounds).ratios)


@given(rounds_of_pairs)
def test_the_median_lies_in_the_range(rounds: tuple[tuple[float, float], ...]) -> None:
    measured = row(*rounds)
    assert measured.ratios[0] <= measured.ratio <= measured.ratios[-1]
    assert len(measured.ratios) == len(rounds)


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (None, None),
        (Target(2), True),
        (Target(1.9), False),
        (Target(4, of="value"), True),
        (Target(3.9, of="value"), False),
    ],
)
def test_a_target_limits_the_median_ratio_or_the_median_value(target: Target | None, met: bool | None) -> None:
    assert row((1, 1), (4, 2), (30, 10), target=target).meets_target is met


@pytest.mark.parametrize("rounds", [(), ((0, 1),), ((1, 0),), ((1, -1),), ((1, math.nan),), ((math.inf, 1),)])
def test_values_that_give_no_ratio_are_rejected(rounds: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="training step: pairs of positive numbers are needed"):
        row(*rounds)
