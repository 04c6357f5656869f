"""How much a mask and a prediction disagree about each class."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.metrics.disagreement import class_disagreement, main_confusion

CONFUSIONS = st.integers(2, 5).flatmap(lambda size: arrays(np.int64, (size, size), elements=st.integers(0, 1000)))


def test_values_computed_by_hand() -> None:
    confusion = np.array([[80, 0, 5], [0, 10, 0], [0, 5, 0]])
    expected = [5 / (85 + 1), 5 / (15 + 1), 10 / (10 + 1)]
    np.testing.assert_allclose(class_disagreement(confusion), expected)
    doubted = np.array([[0, 0, 5], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(class_disagreement(confusion, doubted), [5 / 86, 0, 5 / 11])
    assert main_confusion(doubted, 2) == (0, 2)


@given(CONFUSIONS)
def test_the_share_is_between_0_and_1(confusion: np.ndarray) -> None:
    shares = class_disagreement(confusion)
    assert ((shares >= 0) & (shares <= 1)).all()
    assert (class_disagreement(np.diag(np.diag(confusion))) == 0).all()
    for index in np.flatnonzero(shares).tolist():
        row, column = main_confusion(confusion, index)
        assert index in (row, column)
        assert row != column
        others = np.delete(np.arange(len(confusion)), index)
        assert confusion[row, column] == max(confusion[index, others].max(), confusion[others, index].max())


@pytest.mark.parametrize(("wrong", "low", "high"), [(3, 0, 0.3), (1000, 0.8, 1)])
def test_a_few_wrong_pixels_rank_below_a_missing_object(wrong: int, low: float, high: float) -> None:
    confusion = np.array([[10_000 - wrong, wrong], [0, 0]])
    assert low < class_disagreement(confusion)[1] < high
