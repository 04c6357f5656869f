"""Masks of any label set, in every encoding, are read as a plain lookup in numpy reads them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tfds_voc_seg import mask_values, pixel_tables
from tfds_voc_seg.devkit.folders import Pair, PairError
from tfds_voc_seg.devkit.pairs import read_mask
from tfds_voc_seg.label_set import VOC_LABELS, LabelSet
from tfds_voc_seg.labels import VOID, voc_palette
from tfds_voc_seg.mask_values import MaskError, MaskValues, class_map_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

ROAD_CELL = LabelSet(("background", "road", "cell"), (0, 7, 9), ((0, 0, 0), (128, 64, 128), (1, 2, 3)), "background")
CRACK = LabelSet(("background", "crack"), (0, 1), ((0, 0, 0), (255, 255, 255)), "background")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("masks")


def _read(image: Image.Image, folder: Path, labels: LabelSet, **save: Any) -> NDArray[np.uint8]:
    file = str(folder / "mask.png")
    image.save(file, "PNG", **save)
    return read_mask(Pair("mask", "mask.jpg", file), labels)


def _palette_image(values: NDArray[np.uint8], colors: Mapping[int, Sequence[int]]) -> Image.Image:
    palette = np.zeros((256, 3), np.uint8)
    for index, color in colors.items():
        palette[index] = color
    image = Image.fromarray(values, "P")
    image.putpalette(palette.ravel().tolist())
    return image


@st.composite
def label_sets(draw: st.DrawFn, largest_id: int = 65_535) -> LabelSet:
    """Draws a label set of 1 to 255 classes with ids and colours in any order."""
    count = draw(st.one_of(st.integers(1, 8), st.sampled_from([21, 254, 255])))
    void_ids = draw(st.integers(0, min(3, largest_id + 1 - count)))
    void_colors = draw(st.integers(0, 3))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ids = random.choice(largest_id + 1, count + void_ids, replace=False).tolist()
    codes = random.choice(2**24, count + void_colors, replace=False).tolist()
    colors = [(code >> 16, code >> 8 & 255, code & 255) for code in codes]
    names = tuple(f"class {index}" for index in range(count))
    return LabelSet(
        names,
        tuple(ids[:count]),
        tuple(colors[:count]),
        draw(st.sampled_from([None, names[0], names[-1]])),
        tuple(ids[count:]),
        tuple(colors[count:]),
    )


def _drawn_class_map(labels: LabelSet, seed: int, void: Sequence[Any]) -> NDArray[np.uint8]:
    values = [*range(len(labels.names)), *([VOID] if void else [])]
    return np.random.default_rng(seed).choice(values, (9, 11)).astype(np.uint8)


def _lookup(class_map: NDArray[np.uint8], values: Sequence[Any], void: Sequence[Any]) -> NDArray[Any]:
    """Returns the value or colour of each pixel; void pixels take all void values in turn."""
    flat = [
        void[index % len(void)] if position == VOID else values[position]
        for index, position in enumerate(class_map.ravel().tolist())
    ]
    return np.array(flat).reshape(*class_map.shape, *np.shape(values[0]))


@settings(max_examples=60)
@given(labels=label_sets(largest_id=255), seed=st.integers(0, 2**32 - 1))
def test_8_bit_grey_values_and_palette_indices(labels: LabelSet, seed: int, folder: Path) -> None:
    class_map = _drawn_class_map(labels, seed, labels.void_ids)
    ids = _lookup(class_map, labels.ids, labels.void_ids).astype(np.uint8)
    np.testing.assert_array_equal(_read(Image.fromarray(ids), folder, labels), class_map)
    own_palette = _palette_image(ids, dict(zip(labels.ids, labels.colors, strict=True)))
    np.testing.assert_array_equal(_read(own_palette, folder, dataclasses.replace(labels, masks="index")), class_map)
    grey_ramp = _palette_image(ids, {index: (index,) * 3 for index in range(256)})
    np.testing.assert_array_equal(_read(grey_ramp, folder, labels), class_map)
    if (0, 0, 0) not in labels.colors:
        np.testing.assert_array_equal(_read(own_palette, folder, labels), class_map)


@settings(max_examples=40)
@given(labels=label_sets(), seed=st.integers(0, 2**32 - 1))
def test_16_bit_grey_values(labels: LabelSet, seed: int, folder: Path) -> None:
    class_map = _drawn_class_map(labels, seed, labels.void_ids)
    ids = _lookup(class_map, labels.ids, labels.void_ids).astype(np.uint16)
    np.testing.assert_array_equal(_read(Image.fromarray(ids), folder, labels), class_map)


@settings(max_examples=40)
@given(labels=label_sets(), seed=st.integers(0, 2**32 - 1))
def test_colours_with_and_without_alpha(labels: LabelSet, seed: int, folder: Path) -> None:
    class_map = _drawn_class_map(labels, seed, labels.void_colors)
    colors = _lookup(class_map, labels.colors, labels.void_colors).astype(np.uint8)
    np.testing.assert_array_equal(_read(Image.fromarray(colors), folder, labels), class_map)
    alpha = np.random.default_rng(seed).integers(0, 256, (*class_map.shape, 1), np.uint8)
    with_alpha = Image.fromarray(np.concatenate([colors, alpha], axis=-1))
    np.testing.assert_array_equal(_read(with_alpha, folder, labels), class_map)


@settings(max_examples=40)
@given(labels=label_sets(largest_id=255), seed=st.integers(0, 2**32 - 1))
def test_a_palette_that_assigns_the_colours_to_other_indices(labels: LabelSet, seed: int, folder: Path) -> None:
    class_map = _drawn_class_map(labels, seed, labels.void_colors[:1])
    colors = [*labels.colors, *labels.void_colors[:1]]
    order = np.random.default_rng(seed).permutation(256)[: len(colors)].tolist()
    indices = _lookup(class_map, order[: len(labels.names)], order[len(labels.names) :]).astype(np.uint8)
    image = _palette_image(indices, dict(zip(order, colors, strict=True)))
    np.testing.assert_array_equal(_read(image, folder, dataclasses.replace(labels, masks="color")), class_map)
    assert (_read(image, folder, labels) == class_map).all()


@pytest.mark.parametrize("foreground", [1, 255])
@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "I;16"])
def test_binary_masks(foreground: int, mode: str, folder: Path) -> None:
    class_map = np.random.default_rng(0).integers(0, 2, (8, 8), np.uint8)
    values = class_map * np.uint8(foreground)
    image = {
        "1": lambda: Image.fromarray(class_map.astype(bool)),
        "P": lambda: _palette_image(values, {foreground: (200, 0, 0)}),
        "I;16": lambda: Image.fromarray(values.astype(np.uint16)),
    }.get(mode, lambda: Image.fromarray(values).convert(mode))()
    binary = dataclasses.replace(CRACK, masks="binary")
    np.testing.assert_array_equal(_read(image, folder, binary), class_map)
    swapped = LabelSet(("crack", "background"), (1, 0), CRACK.colors, "background", masks="binary")
    np.testing.assert_array_equal(_read(image, folder, swapped), 1 - class_map)
    alone = LabelSet(("crack",), (1,), ((9, 9, 9),), masks="binary")
    np.testing.assert_array_equal(_read(image, folder, alone), np.where(class_map, 0, VOID))


def test_masks_of_voc_with_another_colour_for_void_or_a_short_palette(folder: Path) -> None:
    values = np.array([[0, 15, 20, VOID]], np.uint8)
    colors = {index: VOC_LABELS.colors[index] for index in range(21)} | {VOID: (255, 255, 255)}
    np.testing.assert_array_equal(_read(_palette_image(values, colors), folder, VOC_LABELS), values)
    short = Image.fromarray(values, "P")
    short.putpalette(voc_palette()[: 3 * 21])
    np.testing.assert_array_equal(_read(short, folder, VOC_LABELS), values)


def test_a_requantised_mask_of_voc_is_read_by_its_colours(folder: Path) -> None:
    values = np.array([[0, 15, 20, VOID], [12, 12, 0, 15]], np.uint8)
    image = Image.fromarray(values, "P")
    image.putpalette(voc_palette())
    requantised = image.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    assert not np.array_equal(np.asarray(requantised), values)
    np.testing.assert_array_equal(_read(requantised, folder, VOC_LABELS), values)


def test_void_in_the_colour_of_a_class_is_that_class(folder: Path) -> None:
    image = _palette_image(np.array([[0, 255]], np.uint8), {255: ROAD_CELL.colors[1]})
    assert _read(image, folder, ROAD_CELL).tolist() == [[0, 1]]
    assert _read(image, folder, dataclasses.replace(ROAD_CELL, masks="index")).tolist() == [[0, VOID]]


@pytest.mark.parametrize("color", [(0, 0, 0), (9, 9, 9)])
def test_a_palette_of_one_colour_says_nothing_about_classes(color: tuple[int, int, int], folder: Path) -> None:
    image = _palette_image(np.array([[0, 7, 9]], np.uint8), dict.fromkeys(range(256), color))
    assert _read(image, folder, ROAD_CELL).tolist() == [[0, 1, 2]]


def test_an_index_beyond_the_palette_is_refused() -> None:
    mask = MaskValues(np.array([[0, 2]], np.uint8), np.array([[0, 0, 0], [128, 64, 128]], np.uint8))
    with pytest.raises(MaskError, match="contains the palette index 2, but its palette has 2 colours"):
        class_map_of(mask, dataclasses.replace(ROAD_CELL, masks="color"))


def test_the_rest_of_a_binary_mask_without_a_background_class_is_void(folder: Path) -> None:
    crack = LabelSet(("crack",), (1,), ((255, 255, 255),), masks="binary")
    assert _read(_grey(0, 255), folder, crack).tolist() == [[VOID, 0]]


def _grey(*values: int, dtype: type = np.uint8) -> Image.Image:
    return Image.fromarray(np.array([values], dtype))


def _rgb(*colors: tuple[int, int, int]) -> Image.Image:
    return Image.fromarray(np.array([colors], np.uint8))


@pytest.mark.parametrize(
    ("image", "labels", "messages"),
    [
        (
            _palette_image(np.array([[0, 7]], np.uint8), {7: (10, 20, 30)}),
            ROAD_CELL,
            ["it has 0 (0, 0, 0), 7 (10, 20, 30)", "7 (128, 64, 128) (road)", "set `masks: index` in labels.yaml"],
        ),
        (
            _palette_image(np.array([[0, 15]], np.uint8), {15: (128, 0, 64)}),
            VOC_LABELS,
            ["15 (128, 0, 64)", "set `masks: index` in labels.yaml"],
        ),
        (_grey(0, 7, 8), ROAD_CELL, ["the values 8;", "the ids 0, 7, 9, and 255 for void", "void.ids in labels.yaml"]),
        (_grey(0, 300, dtype=np.uint16), ROAD_CELL, ["the values 300"]),
        (_grey(0, 200), CRACK, ["the values 200", "every value but 0 is crack, set `masks: binary` in labels.yaml"]),
        (
            _rgb((0, 0, 0), (128, 64, 129)),
            ROAD_CELL,
            ["the colours (128, 64, 129);", "(0, 0, 0), (128, 64, 128), (1, 2, 3)", "`masks: index`"],
        ),
        (
            _rgb((0, 0, 0), (128, 64, 128)),
            dataclasses.replace(ROAD_CELL, masks="index"),
            ["is an RGB mask", "set `masks: color`"],
        ),
        (_grey(0, 1, dtype=np.uint16), dataclasses.replace(CRACK, masks="color"), ["16-bit", "`masks: index`"]),
        (
            _palette_image(np.array([[0, 1]], np.uint8), {0: (255, 255, 255)}),
            dataclasses.replace(CRACK, masks="binary"),
            ["black at an index that is not 0", "0 (255, 255, 255), 1 (0, 0, 0)", "`masks: color`"],
        ),
        (Image.fromarray(np.zeros((2, 2), bool)), ROAD_CELL, ["one bit per pixel", "`masks: binary`"]),
    ],
)
def test_a_mask_without_meaning_is_refused_with_its_values_and_the_setting(
    image: Image.Image, labels: LabelSet, messages: list[str], folder: Path
) -> None:
    with pytest.raises(PairError) as caught:
        _read(image, folder, labels)
    for message in messages:
        assert message in str(caught.value)
    assert str(folder / "mask.png") in str(caught.value)


def test_grey_stored_as_rgb_is_read_by_its_ids_on_request(folder: Path) -> None:
    image = _grey(0, 7, 9).convert("RGB")
    with pytest.raises(PairError, match=r"colours \(7, 7, 7\), \(9, 9, 9\)"):
        _read(image, folder, ROAD_CELL)
    by_id = dataclasses.replace(ROAD_CELL, masks="index")
    assert _read(image, folder, by_id).tolist() == [[0, 1, 2]]


def test_values_above_16_bits_are_refused(folder: Path) -> None:
    file = str(folder / "32 bits.png")
    Image.fromarray(np.array([[0, 70_000]], np.int32)).save(file, "TIFF")
    with pytest.raises(PairError, match="contains the values 0 to 70000; ids of classes are 0 to 65,535"):
        read_mask(Pair("32 bits", "photo.jpg", file), ROAD_CELL)


def test_a_jpeg_is_refused(folder: Path) -> None:
    file = str(folder / "jpeg.png")
    _grey(0, 7).save(file, "JPEG")
    with pytest.raises(PairError, match="is a JPEG, whose compression changes values"):
        read_mask(Pair("jpeg", "jpeg.jpg", file), ROAD_CELL)


def test_large_masks_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    positions = np.random.default_rng(1).integers(0, 3, (30, 40))
    by_id = MaskValues(np.array(ROAD_CELL.ids, np.uint16)[positions])
    by_color = MaskValues(np.array(ROAD_CELL.colors, np.uint8)[positions])
    unknown = MaskValues(by_color.values ^ np.uint8(64))
    for module in (mask_values, pixel_tables):
        monkeypatch.setattr(module, "PIXELS_AT_ONCE", 77)
    for values in (by_id, by_color):
        np.testing.assert_array_equal(class_map_of(values, ROAD_CELL), positions)
    with pytest.raises(MaskError, match=r"contains the colours \(64, 64, 64\), \(65, 66, 67\), \(192, 0, 192\);"):
        class_map_of(unknown, ROAD_CELL)
