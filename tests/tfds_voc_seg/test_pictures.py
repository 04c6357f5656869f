"""Overlays and legends show each class in VOC's colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tfds_voc_seg.label_set import VOC_LABELS, LabelSet, label_set_of_names
from tfds_voc_seg.labels import VOC_CLASSES, VOID
from tfds_voc_seg.pictures import CANVAS_COLOUR, class_colour, classes_seen, example_picture, legend, overlay

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERSON, DOG, VOID_COLOUR = (192, 128, 128), (64, 0, 128), (224, 224, 192)
NAMES = ("background", "dog", "person")  # not in VOC's order
CHANNELS = label_set_of_names(NAMES)


def _map(*rows: list[int]) -> NDArray[np.uint8]:
    return np.array(rows, np.uint8)


def _colours(picture: NDArray[np.uint8]) -> set[tuple[int, ...]]:
    return {tuple(colour) for colour in picture.reshape(-1, 3).tolist()}


def test_the_colour_of_a_class_does_not_depend_on_its_channel() -> None:
    image = np.full((1, 3, 3), 100, np.uint8)
    for names, channels in (
        (NAMES, [0, 1, 2]),
        (VOC_CLASSES, [0, 12, 15]),
        (("background", "person", "dog"), [0, 2, 1]),
    ):
        painted = overlay(image, _map(channels), label_set_of_names(names), alpha=1)
        assert painted.dtype == np.uint8
        assert painted[0].tolist() == [[100, 100, 100], list(DOG), list(PERSON)]
    assert class_colour("aeroplane", VOC_LABELS) == (128, 0, 0)
    assert class_colour("void", VOC_LABELS) == VOID_COLOUR


def test_alpha_blends_photo_and_colour() -> None:
    image = np.full((1, 1, 3), (100, 10, 255), np.uint8)
    classes = _map([2])
    assert overlay(image, classes, CHANNELS, alpha=0)[0, 0].tolist() == [100, 10, 255]
    assert overlay(image, classes, CHANNELS)[0, 0].tolist() == [146, 69, 192]  # the means, rounded to even
    assert overlay(image, classes, CHANNELS, alpha=1)[0, 0].tolist() == list(PERSON)
    assert image[0, 0].tolist() == [100, 10, 255]  # the input is unchanged


def test_void_is_hatched() -> None:
    image = np.full((12, 12, 3), 50, np.uint8)
    painted = overlay(image, np.full((12, 12), VOID, np.uint8), CHANNELS)
    striped = np.all(painted == VOID_COLOUR, axis=-1)
    assert np.all(painted[~striped] == 50)
    assert striped.mean() == pytest.approx(1 / 3)
    np.testing.assert_array_equal(striped[1:, :-1], striped[:-1, 1:])  # along the diagonal
    assert striped.any(axis=0).all()
    assert striped.any(axis=1).all()


def test_invalid_arguments_are_rejected() -> None:
    image = np.zeros((1, 2, 3), np.uint8)
    with pytest.raises(ValueError, match="do not match"):
        overlay(image, _map([0]), CHANNELS)
    with pytest.raises(ValueError, match="contains 3, but there are 3 class names"):
        overlay(image, _map([0, 3]), CHANNELS)
    with pytest.raises(ValueError, match="unknown class 'dgo'; the label set has background, aeroplane"):
        legend(["dgo"], 100, VOC_LABELS)


def test_classes_seen() -> None:
    assert classes_seen(_map([2, 0, VOID, 2]), NAMES) == ["background", "person", "void"]


def test_the_legend_shows_the_colours_of_its_names() -> None:
    strip = legend(["background", "dog", "person", "void"], 400, VOC_LABELS)
    assert strip.dtype == np.uint8
    assert strip.shape[1:] == (400, 3)
    assert {DOG, PERSON, VOID_COLOUR, CANVAS_COLOUR} <= _colours(strip)
    assert DOG not in _colours(legend(["background", "person"], 400, VOC_LABELS))


def test_the_legend_has_as_many_rows_as_it_needs() -> None:
    one, many = legend(["dog"], 520, VOC_LABELS), legend([*VOC_CLASSES, "void"], 520, VOC_LABELS)
    assert many.shape[1] == 520
    assert many.shape[0] > 2 * one.shape[0]
    assert {class_colour(name, VOC_LABELS) for name in (*VOC_CLASSES[1:], "void")} <= _colours(many)
    narrow = legend([*VOC_CLASSES, "void"], 130, VOC_LABELS)  # one name per row
    assert {class_colour(name, VOC_LABELS) for name in (*VOC_CLASSES[1:], "void")} <= _colours(narrow)
    alone = legend(["background"], 520, VOC_LABELS)
    assert len(_colours(alone)) > 1  # it contains the text "background only"


@pytest.mark.parametrize(("size", "panel"), [(300, 300), (256, 256), (128, 256), (32, 256), (100, 300)])
def test_an_example_shows_photo_and_overlay_side_by_side(size: int, panel: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    classes = np.zeros((size, size), np.uint8)
    classes[: size // 2] = 1
    picture = example_picture(image, classes, CHANNELS)
    scale = panel // size
    large_image, large_classes = (side.repeat(scale, 0).repeat(scale, 1) for side in (image, classes))
    np.testing.assert_array_equal(picture[:panel, :panel], large_image)
    np.testing.assert_array_equal(picture[:panel, -panel:], overlay(large_image, large_classes, CHANNELS))
    np.testing.assert_array_equal(picture[panel:], legend(["background", "dog"], picture.shape[1], VOC_LABELS))


def test_a_label_set_without_background_colours_every_pixel() -> None:
    labels = LabelSet(("sky", "road"), (4, 9), ((70, 130, 180), (128, 64, 128)))
    image = np.zeros((1, 2, 3), np.uint8)
    assert overlay(image, _map([0, 1]), labels, alpha=1)[0].tolist() == [[70, 130, 180], [128, 64, 128]]
    assert {(70, 130, 180), (128, 64, 128)} <= _colours(legend(["sky", "road"], 400, labels))
