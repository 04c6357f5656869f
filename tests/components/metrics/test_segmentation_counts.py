"""Counts and metrics against their definitions and against scikit-learn; confidence intervals."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import hypothesis.strategies as st
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from scipy import ndimage

from components.metrics import METRIC_NAMES, bootstrap, boundary, confusion, counts
from tfds_voc_seg import pixel_tables
from tfds_voc_seg.labels import VOID

if TYPE_CHECKING:
    from numpy.typing import NDArray


@st.composite
def mask_pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    classes = draw(st.integers(1, 6))
    shape = (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    truth = rng.integers(0, classes, shape).astype(np.uint8)
    truth[rng.random(shape) < draw(st.sampled_from([0.0, 0.2, 1.0]))] = VOID
    return truth, rng.integers(0, classes, shape).astype(np.uint8), classes


def test_a_large_image_is_counted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, predicted = np.random.default_rng(1).integers(0, 4, (2, 30, 40)).astype(np.uint8)
    at_once = confusion.confusion_matrix(truth, predicted, 4)
    monkeypatch.setattr(pixel_tables, "PIXELS_AT_ONCE", 77)
    np.testing.assert_array_equal(confusion.confusion_matrix(truth, predicted, 4), at_once)


@given(pair=mask_pairs())
def test_metrics_match_their_definitions(pair: tuple[np.ndarray, np.ndarray, int]) -> None:
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


def test_predictions_on_void_pixels_are_not_counted() -> None:
    truth = np.array([0, 1, VOID], np.uint8)
    for on_void in range(3):
        predicted = np.array([0, 1, on_void], np.uint8)
        assert confusion.mean_iou(confusion.confusion_matrix(truth, predicted, 3)) == 1.0


def test_the_mean_excludes_classes_absent_from_the_truth() -> None:
    truth, predicted = np.array([0, 0, 0, 1], np.uint8), np.array([0, 0, 2, 1], np.uint8)
    counts = confusion.confusion_matrix(truth, predicted, 3)
    assert np.isnan(confusion.per_class_iou(counts)[2])
    assert confusion.mean_iou(counts) == pytest.approx((2 / 3 + 1) / 2)


def test_invalid_shapes_and_class_ids_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"the truth has shape \(2,\), the prediction \(3,\)"):
        confusion.confusion_matrix(np.zeros(2, np.uint8), np.zeros(3, np.uint8), 2)
    with pytest.raises(ValueError, match="class id 7 is not below the 2 classes"):
        confusion.confusion_matrix(np.zeros(2, np.uint8), np.array([0, 7], np.uint8), 2)
    for truth, predicted in ((2, 0), (0, 2)):
        with pytest.raises(ValueError, match="class id 2 is not below the 2 classes"):
            confusion.confusion_matrix(np.array([truth], np.uint8), np.array([predicted], np.uint8), 2)
    with pytest.raises(ValueError, match="zip"):
        counts.metrics_as_json(np.zeros((3, 6), np.int64), ["background", "dog"])


def test_counts_are_int64() -> None:
    classes = np.zeros((3, 3), np.uint8)
    counted = counts.pixel_counts(classes, classes, 2)
    matrix, restored = counts.confusion_of(counted), counts.from_sparse(counts.to_sparse(counted), 2)
    assert matrix.tolist() == [[9, 0], [0, 0]]
    assert [array.dtype for array in (counted, matrix, restored)] == [np.int64] * 3
    assert confusion.confusion_matrix(classes, classes, 2).dtype == np.int64


def test_the_score_of_each_model_on_an_image() -> None:
    truth, predicted = np.array([[0, 0, 1, 1]], np.uint8), np.array([[0, 0, 0, 1]], np.uint8)
    one_wrong, void = (
        counts.pixel_counts(truth, predicted, 2),
        counts.pixel_counts(np.full_like(truth, VOID), predicted, 2),
    )
    scores = counts.image_scores({"unet": one_wrong, "nothing": void})
    assert scores == {"unet": pytest.approx((2 / 3 + 1 / 2) / 2, rel=1e-12), "nothing": None}


@given(pair=mask_pairs())
def test_metrics_match_scikit_learn(pair: tuple[np.ndarray, np.ndarray, int]) -> None:
    truth, predicted, classes = pair
    figures = counts.metrics_as_json(
        counts.pixel_counts(truth, predicted, classes), [f"c{index}" for index in range(classes)]
    )
    valid = truth != VOID
    true, guessed = truth[valid], predicted[valid]
    assert figures["absent_classes"] == [f"c{index}" for index in range(classes) if index not in true]
    if not valid.any():
        assert all(figures[name] is None for name in METRIC_NAMES)
        return
    labels = list(range(classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about absent classes
        expected = {
            "per_class_iou": sklearn.metrics.jaccard_score(true, guessed, labels=labels, average=None),
            "per_class_dice": sklearn.metrics.f1_score(true, guessed, labels=labels, average=None),
            "per_class_accuracy": sklearn.metrics.recall_score(true, guessed, labels=labels, average=None),
        }
        weighted = sklearn.metrics.jaccard_score(true, guessed, labels=labels, average="weighted")
    present = np.isin(labels, true)
    for name, values in expected.items():
        assert list(figures[name].values()) == pytest.approx(
            [value if occurs else None for value, occurs in zip(values, present, strict=True)], abs=1e-12
        )
    for scalar, name in (
        ("mean_iou", "per_class_iou"),
        ("mean_dice", "per_class_dice"),
        ("mean_class_accuracy", "per_class_accuracy"),
    ):
        assert figures[scalar] == pytest.approx(expected[name][present].mean(), abs=1e-12)
    assert figures["pixel_accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(true, guessed), abs=1e-12)
    assert figures["frequency_weighted_iou"] == pytest.approx(weighted, abs=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a single class
        matrix = sklearn.metrics.confusion_matrix(true, guessed, labels=labels)
    np.testing.assert_array_equal(figures["confusion_matrix"], matrix)


@given(pair=mask_pairs(), block=st.integers(1, 6))
def test_boundary_iou_matches_its_definition(pair: tuple[np.ndarray, np.ndarray, int], block: int) -> None:
    """Equation 4 of Cheng et al. 2021, per class: a mask minus its erosion, as in the authors' code."""
    truth, predicted = (np.kron(part, np.ones((block, block), np.uint8)) for part in pair[:2])
    classes = pair[2]
    distance = max(1, round(0.02 * math.hypot(*truth.shape)))
    valid, expected = truth != VOID, []

    def near(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        eroded = ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=distance, border_value=0)
        return np.asarray(valid & mask & ~eroded)

    for index in range(classes):
        in_truth, in_prediction = near(truth == index), near(predicted == index)
        union = (in_truth | in_prediction).sum()
        expected.append((in_truth & in_prediction).sum() / union if in_truth.any() else np.nan)
    counted = boundary.boundary_counts(truth, predicted, classes)
    np.testing.assert_allclose(boundary.per_class_boundary_iou(counted), expected, rtol=1e-12)
    again = boundary.boundary_counts(truth, predicted, classes, boundary.valid_boundary(truth))
    np.testing.assert_array_equal(again, counted)
    nowhere = counts.pixel_counts(truth, predicted, classes, np.zeros(truth.shape, bool))  # a given boundary is used
    assert not nowhere[:, classes : classes + 2].any()


@pytest.mark.parametrize(
    ("height", "width", "distance"), [(1, 1, 1), (24, 7, 1), (45, 60, 2), (120, 50, 3), (50, 120, 3), (300, 400, 10)]
)
def test_the_distance_is_2_percent_of_the_diagonal_rounded_at_least_1(height: int, width: int, distance: int) -> None:
    assert boundary.boundary_distance(height, width) == distance


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (3, 30), (4, 4), (30, 4)])
def test_every_pixel_of_an_image_without_room_inside_is_near_its_border(shape: tuple[int, int]) -> None:
    near = boundary.boundary_pixels(np.zeros(shape, np.uint8), 2)
    assert near.dtype == bool
    assert near.shape == shape
    assert near.all()


@pytest.mark.parametrize("distance", [1, 2, 5])
def test_boundary_pixels_for_several_distances(distance: int) -> None:
    classes = np.kron(np.random.default_rng(distance).integers(0, 3, (4, 3)), np.ones((14, 17))).astype(np.uint8)
    expected = np.zeros(classes.shape, bool)
    for index in range(3):
        mask = classes == index
        expected |= mask & ~ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=distance, border_value=0)
    np.testing.assert_array_equal(boundary.boundary_pixels(classes, distance), expected)
    assert not expected.all()


def test_a_shifted_contour_reduces_boundary_iou_more_than_iou() -> None:
    truth, shifted = np.zeros((2, 200, 200), np.uint8)
    truth[40:160, 40:160] = 1
    shifted[44:164, 44:164] = 1
    figures = counts.metrics_as_json(counts.pixel_counts(truth, shifted, 2), ["background", "square"])
    assert figures["per_class_iou"]["square"] > 0.85
    assert figures["per_class_boundary_iou"]["square"] < 0.4


@given(pair=mask_pairs())
def test_sparse_counts_restore_the_counts(pair: tuple[np.ndarray, np.ndarray, int]) -> None:
    counted = counts.pixel_counts(*pair)
    np.testing.assert_array_equal(counts.from_sparse(counts.to_sparse(counted), pair[2]), counted)


def _images(seed: int, images: int = 60) -> np.ndarray:
    """Confusion matrices of images with three classes; the third class is rare."""
    random = np.random.default_rng(seed)
    matrices = random.integers(0, 400, (images, 3, 3)) + 500 * np.eye(3, dtype=int)
    matrices[random.random(images) < 0.8, 2] = 0
    return np.asarray(matrices)


def _interval(samples: NDArray[np.float64]) -> list[float]:
    interval = bootstrap.interval(samples)
    assert interval is not None
    return interval


def test_bootstrap_samples_are_the_mean_iou_of_resampled_images() -> None:
    matrices = _images(0, images=5)
    draws = np.random.default_rng(0).multinomial(5, np.full(5, 0.2), size=bootstrap.SAMPLES)
    expected = [confusion.mean_iou((matrices * times[:, None, None]).sum(axis=0)) for times in draws]
    np.testing.assert_allclose(bootstrap.bootstrap_mean_iou(matrices), expected, rtol=1e-12)


def test_the_interval_covers_the_truth_at_its_confidence_level() -> None:
    """Of 100 splits drawn from one population, about 95 have an interval that contains the population's mean IoU."""
    population = _images(1, images=4000)
    truth, random = confusion.mean_iou(population.sum(axis=0)), np.random.default_rng(2)
    intervals = [
        _interval(bootstrap.bootstrap_mean_iou(population[random.integers(0, len(population), 60)])) for _ in range(100)
    ]
    covered = sum(low <= truth <= high for low, high in intervals)
    assert 85 <= covered <= 100
    assert all(low < high for low, high in intervals)


def test_models_are_compared_on_the_same_images() -> None:
    """A model that is slightly better on every image is significantly better, although the two intervals overlap."""
    one = _images(3)
    better = one + 8 * np.eye(3, dtype=int) * (one.sum(axis=2) > 0)[..., None]
    samples, better_samples = bootstrap.bootstrap_mean_iou(one), bootstrap.bootstrap_mean_iou(better)
    (_, high), (better_low, _) = _interval(samples), _interval(better_samples)
    assert better_low < high
    assert _interval(better_samples - samples)[0] > 0


def test_a_split_without_valid_pixels_has_no_interval() -> None:
    assert bootstrap.interval(bootstrap.bootstrap_mean_iou(np.zeros((4, 2, 2), int))) is None
