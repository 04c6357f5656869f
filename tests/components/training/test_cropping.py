"""Crops and windows of images that are larger than the network's input."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import tensorflow as tf
from hypothesis import given, settings

from components.training.cropping import RandomCrop, covering_windows
from tfds_voc_seg.labels import VOID

HEIGHT, WIDTH = 40, 50
SIDES = (16, 20)


def numbered_image() -> np.ndarray:
    """An image whose pixels say where they are: red is the row, green the column."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([rows, columns, np.zeros_like(rows)], axis=-1).astype(np.uint8)


def crops_of(crop: RandomCrop, classes: np.ndarray, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    image = tf.constant(numbered_image())
    seeds = [tf.constant([7, number], tf.int64) for number in range(count)]
    compiled = tf.function(crop.__call__)
    return [tuple(part.numpy() for part in compiled(image, tf.constant(classes), seed)) for seed in seeds]


def test_crops_lie_anywhere_and_mask_and_image_alike() -> None:
    classes = (np.arange(HEIGHT * WIDTH) % 7).reshape(HEIGHT, WIDTH).astype(np.uint8)
    places = set()
    for image, cropped in crops_of(RandomCrop(SIDES, (1,) * 7, 0.0), classes, 60):
        top, left = int(image[0, 0, 0]), int(image[0, 0, 1])
        places.add((top, left))
        np.testing.assert_array_equal(image, numbered_image()[top : top + SIDES[0], left : left + SIDES[1]])
        np.testing.assert_array_equal(cropped, classes[top : top + SIDES[0], left : left + SIDES[1]])
    assert len(places) > 40
    assert {0, HEIGHT - SIDES[0]} <= {top for top, _ in places}
    image, cropped = crops_of(RandomCrop(SIDES, (1,) * 7, 0.0), classes, 1)[0]
    again, _ = crops_of(RandomCrop(SIDES, (1,) * 7, 0.0), classes, 1)[0]
    np.testing.assert_array_equal(image, again)


def test_the_share_of_crops_around_rare_classes_contains_them() -> None:
    classes = np.zeros((HEIGHT, WIDTH), np.uint8)
    classes[:20], classes[39, 0], classes[5, 49], classes[0] = 1, 2, 3, VOID
    pixels = (10**9, 10**9, 10, 20)
    always = crops_of(RandomCrop(SIDES, pixels, 1.0), classes, 60)
    shown = [set(np.unique(cropped)) & {2, 3} for _, cropped in always]
    assert all(shown)
    twice, once = (sum(rare in classes_of_crop for classes_of_crop in shown) for rare in (2, 3))
    assert twice > once > 0  # class 2 is twice as rare
    half = crops_of(RandomCrop(SIDES, pixels, 0.5), classes, 60)
    assert 15 < sum(bool(set(np.unique(cropped)) & {2, 3}) for _, cropped in half) < 50
    assert crops_of(RandomCrop(SIDES, pixels, 1.0), np.full_like(classes, VOID), 1)[0][0].shape == (*SIDES, 3)


@settings(max_examples=30)
@given(height=st.integers(8, 60), width=st.integers(8, 60), rows=st.integers(1, 8), columns=st.integers(1, 8))
def test_windows_contain_each_pixel_with_its_class_once(height: int, width: int, rows: int, columns: int) -> None:
    classes = np.random.default_rng(height).integers(0, 9, (height, width), np.uint8)
    where = np.stack([*np.mgrid[:height, :width], np.zeros((height, width), int)], axis=-1).astype(np.uint8)
    images, labels = (part.numpy() for part in covering_windows(where, classes, (rows, columns)))
    valid = labels != VOID
    found = np.zeros((height, width), int)
    np.add.at(found, (images[valid][:, 0], images[valid][:, 1]), 1)
    assert (found == 1).all()
    np.testing.assert_array_equal(labels[valid], classes[images[valid][:, 0], images[valid][:, 1]])
    assert images.shape[1:] == (rows, columns, 3)
