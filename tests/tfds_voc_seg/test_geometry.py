"""The geometry: pure numbers that a graph computes alike, and pixels that lie where the numbers say."""

from __future__ import annotations

from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import tensorflow as tf
from hypothesis import given

from tfds_voc_seg.class_maps import pad_class_map
from tfds_voc_seg.geometry import LONGEST_SHAPE, PADDING_COLOUR, Geometry
from tfds_voc_seg.photos import fit_photo, resize_photo, resized_size

SIDES = st.integers(1, 60_000)
SIZES = st.tuples(st.integers(1, 4096), st.integers(1, 4096))


@given(height=SIDES, width=SIDES, size=SIZES)
def test_a_padded_photo_keeps_its_shape_and_fills_one_side(height: int, width: int, size: tuple[int, int]) -> None:
    geometry = Geometry(size, "pad")
    rows, columns = geometry.resized(height, width)
    scale = min(Fraction(size[0], height), Fraction(size[1], width))
    for length, side, resized in ((height, size[0], rows), (width, size[1], columns)):
        assert 1 <= resized <= side
        assert resized == 1 or abs(resized - scale * length) <= Fraction(1, 2)
    assert rows == size[0] or columns == size[1]
    np.testing.assert_array_equal(resized_size(geometry, tf.constant([height, width])), (rows, columns))


@given(height=SIDES, width=SIDES, size=SIZES, more=st.integers(0, 500))
def test_a_photo_for_crops_keeps_its_shape_and_is_as_large_as_a_window(
    height: int, width: int, size: tuple[int, int], more: int
) -> None:
    geometry = Geometry(size, "crop", max(size) + more)
    rows, columns = geometry.resized(height, width)
    assert rows * columns <= geometry.most_pixels
    shorter, longer = sorted((rows, columns))
    if max(height, width) <= LONGEST_SHAPE * min(height, width):
        assert shorter == max(size) + more
        assert geometry.padded((rows, columns)) == (rows, columns)
        exact = Fraction(shorter * max(height, width), min(height, width))
        assert abs(longer - exact) <= Fraction(1, 2)
    assert all(side >= least for side, least in zip(geometry.padded((rows, columns)), size, strict=True))
    np.testing.assert_array_equal(resized_size(geometry, tf.constant([height, width])), (rows, columns))


def test_the_photo_lies_in_the_middle_of_its_padding() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (30, 45, 3), np.uint8)
    geometry = Geometry((21, 20), "pad")
    assert geometry.resized(30, 45) == (13, 20)
    expected = np.full((21, 20, 3), PADDING_COLOUR, np.uint8)
    expected[4:17] = resize_photo(tf.constant(photo), (13, 20))
    np.testing.assert_array_equal(fit_photo(tf.constant(photo), geometry), expected)
    np.testing.assert_array_equal(fit_photo(tf.constant([photo, photo]), geometry), [expected, expected])
    rows = pad_class_map(np.ones((13, 20), np.uint8), geometry, 9)
    np.testing.assert_array_equal(rows, np.where((expected == PADDING_COLOUR).all(axis=-1), 9, 1))
