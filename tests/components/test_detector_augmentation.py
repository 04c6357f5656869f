"""Boxes go where their objects go."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.detector_trainer.augmentation import augment_with_boxes, moved
from components.detector_trainer.average_precision import Objects
from components.detector_trainer.detections import Detections
from components.detector_trainer.pictures import detection_picture
from components.segmentation_trainer.augmentation_config import AugmentationConfig

SIZE = 60
GEOMETRY = AugmentationConfig(scale=(0.5, 2.0))
COLOURS = AugmentationConfig(horizontal_flip=False, brightness=0.5, hue=0.2)


def painted(box: np.ndarray) -> np.ndarray:
    """A white object before black."""
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    top, left, bottom, right = np.round(box * SIZE).astype(int)
    image[top:bottom, left:right] = 255
    return image


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_a_box_follows_its_object(place: int, seed: int) -> None:
    random = np.random.default_rng(place)
    top_left = random.integers(0, SIZE - 12, 2)
    box = (np.concatenate([top_left, top_left + random.integers(10, 40, 2)]) / SIZE).clip(0, 1).astype(np.float32)
    image, boxes, labels = augment_with_boxes(
        tf.constant(painted(box)), tf.constant(box[None]), tf.constant([7]), tf.constant([seed, 3]), GEOMETRY
    )
    white = image.numpy()[..., 0] > 180  # padding is grey
    assert len(boxes) == len(labels)
    if len(boxes):
        rows, columns = np.nonzero(white)
        seen = np.array([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1])
        np.testing.assert_allclose(boxes.numpy()[0] * SIZE, seen, atol=1.6)
        assert labels.numpy().tolist() == [7]
    assert image.dtype == tf.uint8
    assert image.shape == (SIZE, SIZE, 3)


def test_an_object_whose_centre_is_cropped_away_is_dropped() -> None:
    boxes = tf.constant([[0.0, 0.0, 0.4, 0.4], [0.3, 0.3, 0.9, 0.9], [0.8, 0.8, 1.0, 1.0]])
    result, kept = moved(boxes, tf.constant([100, 100]), tf.constant(2.0), tf.constant([0.999, 0.999]))
    assert kept.numpy().tolist() == [False, True, True]
    np.testing.assert_allclose(result[1:], [[0.0, 0.0, 0.8, 0.8], [0.6, 0.6, 1.0, 1.0]], atol=1e-6)


def test_colours_move_no_box_and_the_same_seed_gives_the_same() -> None:
    box = np.array([0.1, 0.2, 0.5, 0.6], np.float32)
    arguments = (tf.constant(painted(box)), tf.constant(box[None]), tf.constant([1]))
    first, boxes, _ = augment_with_boxes(*arguments, tf.constant([1, 2]), COLOURS)
    np.testing.assert_array_equal(boxes[0], box)
    again, _, _ = augment_with_boxes(*arguments, tf.constant([1, 2]), COLOURS)
    other, _, _ = augment_with_boxes(*arguments, tf.constant([1, 5]), COLOURS)
    np.testing.assert_array_equal(first, again)
    assert (first.numpy() != other.numpy()).any()


def test_no_objects_at_all() -> None:
    image, boxes, labels = augment_with_boxes(
        tf.zeros([SIZE, SIZE, 3], tf.uint8), tf.zeros([0, 4]), tf.zeros([0], tf.int64), tf.constant([0, 0]), GEOMETRY
    )
    assert (image.shape, boxes.shape[0], labels.shape[0]) == ((SIZE, SIZE, 3), 0, 0)


def test_a_picture_shows_what_is_there_and_what_was_found() -> None:
    box = np.array([[0.25, 0.25, 0.75, 0.75]], np.float32)
    objects = Objects(box, np.array([1]), np.array([False]))
    found = Detections(np.repeat(box, 2, axis=0), np.array([0.9, 0.1]), np.array([1, 2]))
    photo = np.zeros((80, 80, 3), np.uint8)
    picture = detection_picture(photo, objects, found, ["background", "dog", "cat"])
    assert picture.shape == (240, 2 * 240 + 6, 3)
    left, right = picture[:, :240], picture[:, -240:]
    dog, cat = [64, 0, 128], [64, 0, 0]
    assert all((panel == dog).all(axis=-1).any() for panel in (left, right))
    assert not (right == cat).all(axis=-1).any()  # its score is too low
    nothing = Detections(box[:0], np.zeros(0), np.zeros(0, int))
    assert not (detection_picture(photo, objects, nothing, ["background", "dog"])[:, -240:] == dog).all(axis=-1).any()
    assert pytest.approx(left[60, 60]) == dog
