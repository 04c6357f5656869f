"""Augmentation: photo and class map stay aligned, colours change as in torchvision, results are reproducible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import numpy as np
import pydantic
import pytest
import tensorflow as tf
from hypothesis import given, settings

from components.training.augmentation import augment, change_colours, rescale
from components.training.augmentation_config import AugmentationConfig
from tfds_voc_seg.geometry import PADDING_COLOUR
from tfds_voc_seg.labels import VOID

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEIGHT, WIDTH = 40, 56
EVERYTHING = AugmentationConfig(scale=(0.5, 2.0), brightness=0.5, contrast=0.5, saturation=0.5, hue=0.5)
SEEDS = st.integers(0, 2**31 - 1).map(lambda seed: np.array([seed, 7], np.int64))


def ramp() -> tuple[np.ndarray, np.ndarray]:
    """A photo whose red is 4 × column and whose green is 4 × row, and a class map whose classes are the columns."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    photo = np.stack([4 * columns, 4 * rows, np.zeros_like(rows)], axis=-1)
    return photo.astype(np.uint8), columns.astype(np.uint8)


def noise(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8),
        rng.integers(0, 21, (HEIGHT, WIDTH)).astype(np.uint8),
    )


def test_a_flip_moves_photo_and_classes_together() -> None:
    image, classes = noise()
    flipped = 0
    for seed in range(40):
        new_image, new_classes = augment(image, classes, tf.constant([seed, 1]), AugmentationConfig())
        if np.array_equal(new_classes, classes):
            np.testing.assert_array_equal(new_image, image)
        else:
            flipped += 1
            np.testing.assert_array_equal(new_image, image[:, ::-1])
            np.testing.assert_array_equal(new_classes, classes[:, ::-1])
    assert 8 < flipped < 32


@settings(max_examples=60)
@given(seed=SEEDS)
def test_photo_and_classes_stay_aligned_to_a_fraction_of_a_pixel(seed: np.ndarray) -> None:
    image, classes = augment(*ramp(), tf.constant(seed), AugmentationConfig(scale=(0.5, 2.0)))
    image, classes = image.numpy().astype(float), classes.numpy()
    padding = (image == PADDING_COLOUR).all(axis=-1)
    np.testing.assert_array_equal(padding, classes == VOID)
    edge = np.isin(classes, [0, WIDTH - 1])  # where the antialiasing kernel is cut off
    off = (image[..., 0] / 4 - classes)[~padding & ~edge]
    assert np.abs(off).max() <= 0.5 + 0.25  # the nearest pixel is at most half a pixel away; colours are rounded
    assert abs(off.mean()) < 0.27  # at exactly half the size, the nearest pixel is a quarter of a pixel away on average


@settings(max_examples=40)
@given(
    seed=SEEDS,
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    scale=st.tuples(st.floats(0.05, 20), st.floats(0.05, 20)).map(sorted),
)
def test_any_size_and_scale_keeps_shape_and_dtype(seed: Any, shape: tuple[int, int], scale: list[float]) -> None:
    classes = np.full(shape, 3, np.uint8)
    config = AugmentationConfig(scale=(scale[0], scale[1]), brightness=1.0, contrast=1.0, saturation=1.0, hue=0.5)
    new_image, new_classes = augment(np.full((*shape, 3), 90, np.uint8), classes, tf.constant(seed), config)
    assert (new_image.dtype, new_image.shape) == (tf.uint8, (*shape, 3))
    assert (new_classes.dtype, new_classes.shape) == (tf.uint8, shape)
    assert set(np.unique(new_classes)) <= {3, VOID}
    assert 3 in new_classes.numpy()


@settings(max_examples=30)
@given(scale=st.floats(0.5, 2.0), place=st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)))
def test_rescaling_uses_the_factor_and_the_position(scale: float, place: tuple[float, float]) -> None:
    _, classes = rescale(*ramp(), tf.constant(scale), tf.constant(place))
    columns = np.unique(classes.numpy()[classes.numpy() != VOID])
    if scale > 1:
        assert len(columns) == pytest.approx(WIDTH / scale, abs=1.5)
        assert columns[0] == pytest.approx(place[1] * (WIDTH - WIDTH / scale), abs=1.5)
    else:
        padded = (classes.numpy() == VOID).all(axis=0)
        assert (~padded).sum() == pytest.approx(WIDTH * scale, abs=1.5)
        assert (~padded).argmax() == pytest.approx(place[1] * (WIDTH - WIDTH * scale), abs=1.5)


@settings(max_examples=40)
@given(scale=st.floats(0.25, 3.0, width=32), seed=st.integers(0, 99))
def test_pixels_are_resized_as_by_tf_image_with_antialiasing(scale: float, seed: int) -> None:
    image, classes = noise(seed)
    new_image, new_classes = rescale(image, classes, tf.constant(scale), tf.constant([0.0, 0.0]))
    sides = np.array([HEIGHT, WIDTH], np.float32)
    height, width = np.ceil(sides * np.float32(1 / np.float32(max(scale, 1)))).astype(int)
    resized = np.ceil(sides * np.float32(min(scale, 1))).astype(int)
    inside = (slice(resized[0]), slice(resized[1]))
    expected = tf.image.resize(image[:height, :width], resized, antialias=True)
    np.testing.assert_allclose(new_image[inside], expected, atol=0.01)
    expected = tf.image.resize(classes[:height, :width, None], resized, method="nearest")[..., 0]
    np.testing.assert_array_equal(new_classes[inside], expected)


def test_crops_and_paddings_reach_all_four_borders() -> None:
    scale_up, scale_down = AugmentationConfig(scale=(1.2, 1.2)), AugmentationConfig(scale=(0.8, 0.8))
    red_seen, borders = set(), np.zeros(4, bool)
    for seed in range(60):
        crop, _ = augment(*ramp(), tf.constant([seed, 0]), scale_up)
        red_seen |= set(np.unique(crop[..., 0]))
        _, classes = augment(*ramp(), tf.constant([seed, 0]), scale_down)
        inside = classes.numpy() != VOID
        borders |= [inside[0].any(), inside[-1].any(), inside[:, 0].any(), inside[:, -1].any()]
    assert min(red_seen) == 0
    assert max(red_seen) == 4 * (WIDTH - 1)
    assert borders.all()


@settings(max_examples=30)
@given(draws=st.tuples(*[st.floats(-1, 1)] * 3), seed=st.integers(0, 99))
def test_brightness_contrast_and_saturation_as_in_torchvision(draws: tuple[float, ...], seed: int) -> None:
    image = noise(seed)[0] // 4 + 64  # so that nothing is clipped
    config = AugmentationConfig(brightness=0.3, contrast=0.2, saturation=0.2)
    brightness, contrast, saturation = (
        1 + strength * draw for strength, draw in zip((0.3, 0.2, 0.2), draws, strict=True)
    )

    def grey(photo: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(photo @ np.array([[0.299], [0.587], [0.114]]))

    expected = image * brightness
    expected = contrast * expected + (1 - contrast) * grey(expected).mean()
    expected = saturation * expected + (1 - saturation) * grey(expected)
    np.testing.assert_allclose(change_colours(image, [*draws, 0.0], config), expected, atol=0.05)


def test_a_rotated_hue_keeps_grey_and_half_a_rotation_is_the_opposite_colour() -> None:
    image = noise()[0] // 4 + 96
    grey = np.array([0.299, 0.587, 0.114])
    turned = change_colours(image, [0.0, 0.0, 0.0, 1.0], AugmentationConfig(hue=0.5)).numpy()
    np.testing.assert_allclose(turned @ grey, image @ grey, atol=0.05)
    np.testing.assert_allclose(turned - (turned @ grey)[..., None], (image @ grey)[..., None] - image, atol=0.1)
    same = change_colours(image, [1.0, 1.0, 1.0, 0.0], AugmentationConfig(hue=0.5))
    np.testing.assert_allclose(same, image, atol=0.05)
    red_to_green = change_colours(np.array([[[180, 60, 60]]]), [0.0, 0.0, 0.0, 1.0], AugmentationConfig(hue=1 / 3))
    assert np.argmax(red_to_green) != 0


def test_colour_changes_do_not_affect_classes_and_padding() -> None:
    image, classes = noise()
    config = AugmentationConfig(horizontal_flip=False, brightness=1.0, contrast=1.0, saturation=1.0, hue=0.5)
    new_image, new_classes = augment(image, classes, tf.constant([3, 4]), config)
    np.testing.assert_array_equal(new_classes, classes)
    assert not np.array_equal(new_image, image)
    for seed in range(5):
        new_image, new_classes = augment(image, classes, tf.constant([seed, 0]), EVERYTHING)
        assert (new_image.numpy()[new_classes == VOID] == PADDING_COLOUR).all()


def test_results_depend_on_the_seed_and_are_the_same_inside_a_dataset() -> None:
    image, classes = noise()
    mapped = tf.data.Dataset.range(12).map(lambda number: augment(image, classes, tf.stack([5, number]), EVERYTHING))
    assert mapped.element_spec[0].shape == (HEIGHT, WIDTH, 3)
    different = set()
    for number, (new_image, new_classes) in enumerate(mapped):
        expected_image, expected_classes = augment(image, classes, tf.constant([5, number]), EVERYTHING)
        np.testing.assert_allclose(new_image.numpy().astype(int), expected_image.numpy().astype(int), atol=1)
        np.testing.assert_array_equal(new_classes, expected_classes)
        different.add(new_image.numpy().tobytes())
    assert len(different) == 12


def test_without_any_setting_the_image_is_unchanged() -> None:
    image, classes = noise()
    for config in (AugmentationConfig(horizontal_flip=False), AugmentationConfig(horizontal_flip=False, scale=(1, 1))):
        new_image, new_classes = augment(image, classes, tf.constant([1, 2]), config)
        np.testing.assert_array_equal(new_image, image)
        np.testing.assert_array_equal(new_classes, classes)


@pytest.mark.parametrize(
    "wrong", [{"scale": [2.0, 0.5]}, {"scale": [0, 1]}, {"scale": [1]}, {"brightness": 1.5}, {"hue": 0.6}]
)
def test_invalid_settings_are_rejected(wrong: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        AugmentationConfig(**wrong)
    assert AugmentationConfig.model_validate_json(EVERYTHING.model_dump_json()) == EVERYTHING
