"""The class map equals TensorFlow's resize and argmax, bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.saved_model import upsampling
from components.saved_model.upsampling import best_classes, resized_class_map, resized_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _expected(scores: NDArray[np.float32], height: int, width: int) -> NDArray[np.uint8]:
    class_map: NDArray[np.int64] = tf.argmax(tf.image.resize(scores, (height, width)), axis=-1).numpy()
    return class_map.astype(np.uint8)


@settings(max_examples=150)
@given(
    shape=st.tuples(st.integers(1, 24), st.integers(1, 24), st.integers(1, 21)),
    size=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    kind=st.sampled_from(["noise", "smooth", "ties"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_class_map_equals_tensorflows(
    shape: tuple[int, int, int], size: tuple[int, int], kind: str, seed: int
) -> None:
    scores = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    if kind == "smooth":
        scores = tf.image.resize(scores[:3, :3], shape[:2], method="bicubic").numpy()
    if kind == "ties":
        scores = np.round(scores)
    expected = _expected(scores, *size)
    with pytest.MonkeyPatch.context() as patch:
        np.testing.assert_array_equal(resized_class_map(scores, *size), expected)
        patch.setattr(upsampling, "_MAX_SCORES", 0)  # as for huge photos
        patch.setattr(upsampling, "_SCORES_OF_PIXELS", 5000)
        patch.setattr(upsampling, "PIXELS_AT_ONCE", 1700)
        patch.setattr(upsampling, "_SCORES_PER_SEARCH", 400)
        np.testing.assert_array_equal(resized_class_map(scores, *size), expected)


@settings(max_examples=50)
@given(
    shape=st.tuples(st.integers(1, 24), st.integers(1, 24), st.integers(1, 21)),
    size=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    at_once=st.integers(1, 20_000),
)
def test_scores_are_resized_in_parts_like_tensorflows(
    shape: tuple[int, int, int], size: tuple[int, int], at_once: int
) -> None:
    scores = np.random.default_rng(at_once).normal(size=shape).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upsampling, "_SCORES_AT_ONCE", at_once)
        resized = np.concatenate([*resized_rows(scores, *size)])
    np.testing.assert_array_equal(resized, tf.image.resize(scores, size))


def test_scores_within_the_rounding_error_are_unsure() -> None:
    scores = np.array([[[1, 2, 0], [2, 2, 0], [2, np.nextafter(np.float32(2), 3), 0]]], np.float32)
    assert best_classes(scores).tolist() == [[1, 255, 255]]
    assert best_classes(np.array([[[np.nan, 1, 0]]], np.float32)).tolist() == [[255]]
