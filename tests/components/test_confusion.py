"""Counts and reductions against a definition-by-definition version."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from components.segmentation_evaluator import confusion
from tfds_voc_seg.labels import VOID


@st.composite
def mask_pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    classes = draw(st.integers(1, 6))
    shape = (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    truth = rng.integers(0, classes, shape).astype(np.uint8)
    truth[rng.random(shape) < draw(st.sampled_from([0.0, 0.2, 1.0]))] = VOID
    return truth, rng.integers(0, classes, shape).astype(np.uint8), classes


@given(pair=mask_pairs())
def test_every_metric_is_its_definition(pair: tuple[np.ndarray, np.ndarray, int]) -> None:
    truth, predicted, classes = pair
    valid = truth != VOID
    counts = confusion.confusion_matrix(truth, predicted, classes)
    assert counts.sum() == valid.sum()
    expected = []
    for index in range(classes):
        in_truth, in_prediction = (truth == index) & valid, (predicted == index) & valid
        union = (in_truth | in_prediction).sum()
        expected.append((in_truth & in_prediction).sum() / union if in_truth.any() else np.nan)
    np.testing.assert_allclose(confusion.per_class_iou(counts), expected, rtol=1e-12)
    if valid.any():
        assert confusion.mean_iou(counts) == pytest.approx(np.nanmean(expected), rel=1e-12)
        assert confusion.pixel_accuracy(counts) == pytest.approx((truth == predicted)[valid].mean(), rel=1e-12)
    else:
        assert np.isnan(confusion.mean_iou(counts))
        assert np.isnan(confusion.pixel_accuracy(counts))


@given(first=mask_pairs(), second=mask_pairs())
def test_counts_add_up(first: tuple[np.ndarray, np.ndarray, int], second: tuple[np.ndarray, np.ndarray, int]) -> None:
    counts = [confusion.confusion_matrix(truth, predicted, 6) for truth, predicted, _ in (first, second)]
    truth = np.concatenate([first[0].ravel(), second[0].ravel()])
    predicted = np.concatenate([first[1].ravel(), second[1].ravel()])
    np.testing.assert_array_equal(counts[0] + counts[1], confusion.confusion_matrix(truth, predicted, 6))


def test_what_is_predicted_on_void_does_not_count() -> None:
    truth = np.array([0, 1, VOID], np.uint8)
    for anything in range(3):
        predicted = np.array([0, 1, anything], np.uint8)
        assert confusion.mean_iou(confusion.confusion_matrix(truth, predicted, 3)) == 1.0


def test_a_class_absent_from_the_truth_is_left_out_of_the_mean() -> None:
    truth, predicted = np.array([0, 0, 0, 1], np.uint8), np.array([0, 0, 2, 1], np.uint8)
    counts = confusion.confusion_matrix(truth, predicted, 3)
    assert np.isnan(confusion.per_class_iou(counts)[2])
    assert confusion.mean_iou(counts) == pytest.approx((2 / 3 + 1) / 2)


def test_shapes_and_ids_that_can_not_be() -> None:
    with pytest.raises(ValueError, match=r"the truth has shape \(2,\), the prediction \(3,\)"):
        confusion.confusion_matrix(np.zeros(2, np.uint8), np.zeros(3, np.uint8), 2)
    with pytest.raises(ValueError, match="class id 7 is not below the 2 classes"):
        confusion.confusion_matrix(np.zeros(2, np.uint8), np.array([0, 7], np.uint8), 2)
