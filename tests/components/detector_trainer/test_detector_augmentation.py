"""Augmentation of photo and boxes: each box stays around its object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.detector_trainer.augmentation import augment_with_boxes
from components.detector_trainer.average_precision import Objects
from components.detector_trainer.detections import Detections
from components.detector_trainer.detector_config import DetectorAugmentationConfig
from components.detector_trainer.pictures import detection_picture
from components.detector_trainer.windows import (
    ASPECT_RATIOS,
    MIN_OVERLAPS,
    SCALES,
    TRIALS,
    WHOLE_IMAGE,
    boxes_in_window,
    canvas_window,
    patch_with_overlap,
    random_patches,
    window_in_pixels,
)
from tfds_voc_seg.label_set import label_set_of_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = 60
GEOMETRY = DetectorAugmentationConfig(brightness=0, contrast=0, saturation=0, hue=0)
COLOURS = DetectorAugmentationConfig(horizontal_flip=False, zoom_out=1, patches=False)


def painted(box: NDArray[Any]) -> NDArray[Any]:
    """A white object on a black background."""
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    top, left, bottom, right = np.round(box * SIZE).astype(int)
    image[top:bottom, left:right] = 255
    return image


@settings(max_examples=60)
@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_a_box_follows_its_object(place: int, seed: int) -> None:
    random = np.random.default_rng(place)
    top_left = random.integers(0, SIZE - 12, 2)
    box = (np.concatenate([top_left, top_left + random.integers(10, 40, 2)]) / SIZE).clip(0, 1).astype(np.float32)
    image, boxes, labels = augment_with_boxes(
        tf.constant(painted(box)), tf.constant(box[None]), tf.constant([7]), tf.constant([seed, 3]), GEOMETRY
    )
    white = image.numpy()[..., 0] > 180  # the padding is grey
    assert len(boxes) == len(labels)
    if len(boxes):
        rows, columns = np.nonzero(white)
        seen = np.array([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1])
        np.testing.assert_allclose(boxes.numpy()[0] * SIZE, seen, atol=1.6)
        assert labels.numpy().tolist() == [7]
    assert image.dtype == tf.uint8
    assert image.shape == (SIZE, SIZE, 3)


def random_boxes(random: np.random.Generator) -> NDArray[Any]:
    top_left = random.uniform(0, 0.8, (int(random.integers(1, 5)), 2))
    bottom_right = top_left + random.uniform(0.05, 1, top_left.shape) * (1 - top_left)
    return np.concatenate([top_left, bottom_right], axis=1).astype(np.float32)


@settings(max_examples=100)
@given(st.integers(0, 2**31), st.sampled_from(MIN_OVERLAPS))
def test_a_patch_overlaps_an_object_sufficiently_and_contains_a_centre(seed: int, min_overlap: float) -> None:
    random = np.random.default_rng(seed)
    boxes = random_boxes(random)
    patches = random_patches(tf.constant(random.random((TRIALS, 4)), tf.float32))
    patch = patch_with_overlap(tf.constant(boxes), patches, tf.constant(min_overlap)).numpy()

    def enough(patch: NDArray[Any], margin: float) -> bool:
        top, left, bottom, right = patch
        overlaps, contains_centre = [], []
        for box in boxes.astype(float):
            sides = np.minimum(box[2:], patch[2:]) - np.maximum(box[:2], patch[:2])
            both = sides[0] * sides[1] if (sides > 0).all() else 0.0
            areas = (box[2] - box[0]) * (box[3] - box[1]) + (bottom - top) * (right - left)
            overlaps.append(both / (areas - both))
            row, column = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            contains_centre.append(top <= row <= bottom and left <= column <= right)
        return max(overlaps) >= min_overlap + margin and any(contains_centre)

    if patch.tolist() == list(WHOLE_IMAGE):
        assert not any(enough(other, 1e-5) for other in patches.numpy())
    else:
        assert enough(patch, -1e-5)


@settings(max_examples=50)
@given(st.integers(0, 2**31))
def test_patches_have_the_sizes_and_shapes_of_ssd(seed: int) -> None:
    patches = random_patches(tf.constant(np.random.default_rng(seed).random((TRIALS, 4)), tf.float32)).numpy()
    height, width = (patches[:, 2:] - patches[:, :2]).T
    assert patches.min() >= 0
    assert patches.max() <= 1 + 1e-6
    assert ((np.sqrt(height * width) >= SCALES[0] - 1e-5) & (height <= 1 + 1e-6) & (width <= 1 + 1e-6)).all()
    assert ((width / height >= ASPECT_RATIOS[0] - 1e-5) & (width / height <= ASPECT_RATIOS[1] + 1e-5)).all()


def test_an_image_without_objects_is_not_cropped() -> None:
    patches = random_patches(tf.random.stateless_uniform([TRIALS, 4], [1, 2]))
    assert patch_with_overlap(tf.zeros([0, 4]), patches, tf.constant(0.0)).numpy().tolist() == list(WHOLE_IMAGE)


def test_an_object_whose_centre_is_outside_the_window_is_dropped() -> None:
    boxes = tf.constant([[0.0, 0.0, 0.4, 0.4], [0.3, 0.3, 0.9, 0.9], [0.8, 0.8, 1.0, 1.0]])
    result, kept = boxes_in_window(boxes, tf.constant([0.5, 0.5, 1.0, 1.0]))
    assert kept.numpy().tolist() == [False, True, True]
    np.testing.assert_allclose(result[1:], [[0.0, 0.0, 0.8, 0.8], [0.6, 0.6, 1.0, 1.0]], atol=1e-6)


def test_a_canvas_contains_the_whole_image() -> None:
    window = canvas_window(tf.constant(4.0), tf.constant([0.0, 1.0])).numpy()
    assert window.tolist() == [0, -3, 4, 1]
    boxes, kept = boxes_in_window(tf.constant([WHOLE_IMAGE]), tf.constant(window))
    np.testing.assert_allclose(boxes, [[0, 0.75, 0.25, 1]])
    assert kept.numpy().all()
    pixels = window_in_pixels(tf.constant([0.5, 0.5, 0.501, 0.7]), tf.constant([100, 50])).numpy()
    assert pixels.tolist() == [50, 25, 51, 35]


def test_every_zoom_and_patch_occurs() -> None:
    """Among many seeds there are unchanged, zoomed-out and cropped images."""
    box = np.array([0.3, 0.3, 0.7, 0.7], np.float32)
    arguments = (tf.constant(painted(box)), tf.constant(box[None]), tf.constant([1]))
    augmented = tf.function(lambda seed: augment_with_boxes(*arguments, seed, GEOMETRY)[1])
    sides = []
    for seed in range(120):
        (found,) = augmented(tf.constant([seed, 1])).numpy()
        sides.append(found[2:] - found[:2])
    heights, widths = np.array(sides).T
    assert (np.isclose(heights, 0.4, atol=0.01) & np.isclose(widths, 0.4, atol=0.01)).any()
    assert heights.min() < 0.2
    assert heights.max() > 0.8
    assert np.abs(np.log(widths / heights)).max() > 0.3


def test_colours_keep_the_boxes_and_the_same_seed_gives_the_same_image() -> None:
    box = np.array([0.1, 0.2, 0.5, 0.6], np.float32)
    arguments = (tf.constant(painted(box)), tf.constant(box[None]), tf.constant([1]))
    first, boxes, _ = augment_with_boxes(*arguments, tf.constant([1, 2]), COLOURS)
    np.testing.assert_array_equal(boxes[0], box)
    again, _, _ = augment_with_boxes(*arguments, tf.constant([1, 2]), COLOURS)
    other, _, _ = augment_with_boxes(*arguments, tf.constant([1, 5]), COLOURS)
    np.testing.assert_array_equal(first, again)
    assert (first.numpy() != other.numpy()).any()


def test_an_image_without_objects_can_be_augmented() -> None:
    image, boxes, labels = augment_with_boxes(
        tf.zeros([SIZE, SIZE, 3], tf.uint8), tf.zeros([0, 4]), tf.zeros([0], tf.int64), tf.constant([0, 0]), GEOMETRY
    )
    assert (image.shape, boxes.shape[0], labels.shape[0]) == ((SIZE, SIZE, 3), 0, 0)


def test_a_picture_shows_the_true_objects_and_the_detections() -> None:
    box = np.array([[0.25, 0.25, 0.75, 0.75]], np.float32)
    objects = Objects(box, np.array([1]), np.array([False]))
    found = Detections(np.repeat(box, 2, axis=0), np.array([0.9, 0.1]), np.array([1, 2]))
    photo = np.zeros((80, 80, 3), np.uint8)
    picture = detection_picture(photo, objects, found, label_set_of_names(["background", "dog", "cat"]))
    assert picture.shape == (240, 2 * 240 + 6, 3)
    left, right = picture[:, :240], picture[:, -240:]
    dog, cat = [64, 0, 128], [64, 0, 0]
    assert all((panel == dog).all(axis=-1).any() for panel in (left, right))
    assert not (right == cat).all(axis=-1).any()  # its score is too low
    nothing = Detections(box[:0], np.zeros(0), np.zeros(0, int))
    assert (
        not (detection_picture(photo, objects, nothing, label_set_of_names(["background", "dog"]))[:, -240:] == dog)
        .all(axis=-1)
        .any()
    )
    assert pytest.approx(left[60, 60]) == dog
