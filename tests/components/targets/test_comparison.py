"""How a target is compared with its SavedModel, and what may be published."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from components.metrics.confusion import mean_iou
from components.targets.comparison import Comparison, compare, refusal

CONFUSIONS = hnp.arrays(np.int64, (2, 3, 3, 3), elements=st.integers(0, 50))
"""The matrices of a SavedModel and of a target: three images, three classes."""


@given(CONFUSIONS)
def test_the_difference_is_that_of_the_mean_ious_of_all_images(confusions: np.ndarray) -> None:
    saved_model, target = confusions
    compared = compare(saved_model, target, 0.5)
    before, after = mean_iou(saved_model.sum(axis=0)), mean_iou(target.sum(axis=0))
    if compared.difference is None:
        assert np.isnan(before) or np.isnan(after)
    else:
        assert compared.mean_iou == after
        np.testing.assert_allclose(compared.difference, after - before)
    assert compared.agreement == 0.5


@given(CONFUSIONS)
def test_a_target_that_equals_its_model_loses_nothing(confusions: np.ndarray) -> None:
    compared = compare(confusions[0], confusions[0], 1.0)
    assert compared.difference in (0.0, None)
    assert compared.difference_interval in ([0.0, 0.0], None)
    assert (refusal(compared, 0.0) is None) == (compared.difference is not None)


@given(st.floats(-1, 1), st.floats(0, 1))
def test_only_a_larger_loss_is_refused(difference: float, max_loss: float) -> None:
    reason = refusal(Comparison(0.5, difference, None, 1.0), max_loss)
    assert (reason is not None) == (-difference > max_loss)


def test_the_reason_has_both_numbers() -> None:
    assert refusal(Comparison(0.3, -0.12345, None, 1.0), 0.01) == (
        "its mean IoU is 0.1235 below the SavedModel's, and 0.01 is allowed"
    )
    assert refusal(Comparison(None, None, None, 1.0), 0.01) == (
        "its mean IoU is not defined, because no pixel of the split has a class"
    )
