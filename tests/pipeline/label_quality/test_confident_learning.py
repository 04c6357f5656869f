"""Doubted pixels against the definition of confident learning, written plainly."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.label_quality.confident_learning import confident_thresholds, doubted_pixels
from tfds_voc_seg.labels import VOID


@given(seed=st.integers(0, 999), classes=st.integers(2, 5))
def test_doubted_pixels_are_those_of_the_definition(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(classes, 0.5), size=(6, 7)).astype(np.float32)
    truth = rng.integers(classes, size=(6, 7)).astype(np.uint8)
    truth[rng.random(truth.shape) < 0.2] = VOID
    thresholds = rng.uniform(0.2, 0.9, classes)
    found = doubted_pixels(truth, probabilities, thresholds)
    for place in np.ndindex(truth.shape):
        sure = [index for index in range(classes) if probabilities[place][index] >= thresholds[index] - 1e-6]
        best = int(probabilities[place].argmax())
        guess = best if len(sure) > 1 else sure[0] if sure else truth[place]
        assert found[place] == (truth[place] != VOID and truth[place] not in (guess, best))


def test_thresholds_are_mean_probabilities_where_masks_show_the_class() -> None:
    truth = np.repeat(np.array([[0], [1], [VOID], [0]], np.uint8), 9, axis=0).repeat(9, axis=1)
    probabilities = np.zeros((*truth.shape, 3), np.float32)
    probabilities[truth == 0] = (0.8, 0.2, 0.0)
    probabilities[truth == 1] = (0.4, 0.6, 0.0)
    probabilities[truth == VOID] = (0.0, 0.0, 1.0)
    thresholds = confident_thresholds([(truth, probabilities)] * 3, 3)
    np.testing.assert_allclose(thresholds, [0.8, 0.6, 0.7], atol=1e-6)  # no mask shows the third class: the mean


def test_masks_without_a_valid_pixel() -> None:
    truth, probabilities = np.full((4, 4), VOID, np.uint8), np.full((4, 4, 2), 0.5, np.float32)
    assert confident_thresholds([(truth, probabilities)], 2).tolist() == [1.0, 1.0]
    assert not doubted_pixels(truth, probabilities, np.ones(2)).any()
