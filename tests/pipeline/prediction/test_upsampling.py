"""The quick class map is TensorFlow's resize and argmax, to the bit; windows are blended without seams."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.prediction.photos.reading import upsampling
from pipeline.prediction.photos.upsampling import best_classes, resized_class_map
from pipeline.prediction.photos.windows import blended


def _expected(scores: np.ndarray, height: int, width: int) -> np.ndarray:
    return tf.argmax(tf.image.resize(scores, (height, width)), axis=-1).numpy().astype(np.uint8)


@settings(max_examples=150, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 24), st.integers(1, 24), st.integers(1, 21)),
    size=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    kind=st.sampled_from(["noise", "smooth", "ties"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_as_tensorflow_has_it_to_the_bit(
    shape: tuple[int, int, int], size: tuple[int, int], kind: str, seed: int
) -> None:
    scores = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    if kind == "smooth":
        scores = tf.image.resize(scores[:3, :3], shape[:2], method="bicubic").numpy()
    if kind == "ties":
        scores = np.round(scores)
    expected = _expected(scores, *size)
    with pytest.MonkeyPatch.context() as patch:
        np.testing.assert_array_equal(resized_class_map(tf.constant(scores), *size), expected)
        patch.setattr(upsampling, "_LARGEST", 0)  # the way of huge photos, whatever the size
        patch.setattr(upsampling, "_PIXELS_AT_ONCE", 1000)
        np.testing.assert_array_equal(resized_class_map(tf.constant(scores), *size), expected)


def test_what_is_near_is_unsure() -> None:
    scores = np.array([[[1, 2, 0], [2, 2, 0], [2, np.nextafter(np.float32(2), 3), 0]]], np.float32)
    assert best_classes(scores[np.newaxis]).numpy().tolist() == [[[1, 255, 255]]]
    assert best_classes(np.array([[[[np.nan, 1, 0]]]], np.float32)).numpy().tolist() == [[[255]]]


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 90), side=st.integers(1, 50))
def test_windows_give_back_what_they_are_given(height: int, width: int, side: int) -> None:
    image = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    sizes = set()

    def given_back(windows: list[np.ndarray]) -> list[np.ndarray]:
        sizes.update(window.shape for window in windows)
        return [window.astype(np.float32) for window in windows]

    rows = [*blended(image, side, given_back)]
    assert sizes == {(min(side, height), min(side, width), 3)}
    np.testing.assert_allclose(np.concatenate(rows), image, atol=1e-3)


def test_windows_fade_into_each_other() -> None:
    """Each window answers with its number: between two of them the answer changes gradually."""
    numbers = iter(range(100))

    def numbered(windows: list[np.ndarray]) -> list[np.ndarray]:
        return [np.full((*window.shape[:2], 1), next(numbers), np.float32) for window in windows]

    (row,) = blended(np.zeros((40, 100, 3), np.uint8), 40, numbered)
    steps = np.diff(row[0, :, 0])
    assert (row[0, 0, 0], row[0, -1, 0]) == (0, 2)
    assert steps.min() >= 0
    assert steps.max() <= 0.11
