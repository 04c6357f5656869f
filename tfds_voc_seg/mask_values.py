"""Converts the values of a mask image to a class map, by a label set. All functions are pure: arrays in, arrays out.

A mask tells the class of a pixel by its palette index, its grey value or its colour, see `LabelSet.masks`. An alpha
channel is ignored.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.label_set_files import LABELS_FILE
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.pixel_tables import (
    PIXELS_AT_ONCE,
    looked_up,
    packed_colors,
    parts_of,
    unpacked_color,
    used_colors,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tfds_voc_seg.label_set import Color, LabelSet

_SHOWN = 8  # values in a message
_UNKNOWN = -1  # in a table of positions
_LARGEST_VALUE = 2**16 - 1


class MaskError(ValueError):
    """A mask whose values have no meaning in the label set.

    Attributes:
        what: what was found.
        advice: which setting or change makes the mask readable.
    """

    def __init__(self, what: str, advice: str):
        super().__init__(f"{what}; {advice}")
        self.what, self.advice = what, advice


@dataclasses.dataclass(frozen=True, eq=False)
class MaskValues:
    """The content of a mask image.

    Attributes:
        values: palette indices, grey values or whole numbers, unsigned [height, width]; or colours, uint8
            [height, width, 3].
        palette: the palette's colours, uint8 [entries, 3]; `None` if the image has no palette.
        one_bit: whether the image has one bit per pixel; `values` are then 0 and 1.
    """

    values: NDArray[np.unsignedinteger]
    palette: NDArray[np.uint8] | None = None
    one_bit: bool = False

    @functools.cached_property
    def used(self) -> NDArray[np.intp]:
        """The values that occur, in ascending order; twice as fast as `np.unique`. Only for two-dimensional values."""
        occurs = np.zeros(np.iinfo(self.values.dtype).max + 1, bool)
        for part in parts_of(self.values):
            occurs[part] = True
        return np.flatnonzero(occurs)


def class_map_of(mask: MaskValues, labels: LabelSet) -> NDArray[np.uint8]:
    """Returns the class of each pixel.

    Args:
        mask: the content of the mask image.
        labels: the classes, and how masks represent them.

    Returns:
        uint8 [height, width]: positions in `labels.names`, and `VOID`.

    Raises:
        MaskError: a value or colour belongs to no class, or the mask is of a kind that the label set does not allow.
    """
    if labels.masks == "binary":
        return _by_binary_value(mask, labels)
    if mask.one_bit and len(labels.names) > 2:
        raise MaskError(
            f"has one bit per pixel, but the label set has {len(labels.names)} classes",
            f"if the mask shows one class, describe it in {LABELS_FILE} with `masks: binary`",
        )
    if labels.masks == "color" or (labels.masks == "auto" and mask.values.ndim == 3):
        return _by_color(mask, labels)
    if labels.masks == "auto" and mask.palette is not None and not _palette_gives_ids(mask, labels):
        return _by_color(mask, labels)
    return _by_id(mask, labels)


@functools.lru_cache(maxsize=32)
def _positions_of_ids(labels: LabelSet) -> NDArray[np.int16]:
    """Returns the class map value of each id: int16 [65536], `_UNKNOWN` for values without a meaning."""
    table = np.full(_LARGEST_VALUE + 1, _UNKNOWN, np.int16)
    table[list(labels.ids)] = np.arange(len(labels.ids))
    table[list(labels.void_ids)] = VOID
    return table


def _by_id(mask: MaskValues, labels: LabelSet) -> NDArray[np.uint8]:
    if mask.values.ndim == 3:
        values = mask.values
        if not (values == values[..., :1]).all():
            raise MaskError(
                f"is an RGB mask with the colours {_listed(_colors_of(values))}, but `masks: index` expects ids",
                f"set `masks: color` in {LABELS_FILE}, with the colour of each class",
            )
        mask = MaskValues(values[..., 0])
    used = mask.used
    table = _positions_of_ids(labels)
    unknown = [int(value) for value in used if table[value] == _UNKNOWN]
    if unknown:
        raise MaskError(f"contains the values {_listed(unknown)}", _advice_on_ids(labels, used))
    if np.array_equal(table[used], used):
        return np.asarray(mask.values, np.uint8)  # as in VOC, whose ids are the positions
    return looked_up(table, mask.values)


def _by_color(mask: MaskValues, labels: LabelSet) -> NDArray[np.uint8]:
    if mask.palette is not None:
        used = mask.used
        if used[-1] >= len(mask.palette):
            raise MaskError(
                f"contains the palette index {used[-1]}, but its palette has {len(mask.palette)} colours",
                "save the mask again with a complete palette",
            )
        table = np.zeros(len(mask.palette), np.uint8)
        table[used] = _positions_of_colors(mask.palette[used], labels)
        return looked_up(table, mask.values)
    values = mask.values
    if values.dtype != np.uint8:
        raise MaskError(
            "is a 16-bit grey mask, which has no colours", f"set `masks: index` in {LABELS_FILE} to read it by its ids"
        )
    if values.ndim == 2:
        values = np.stack([values] * 3, axis=-1)
    return _positions_of_colors(values.astype(np.uint8, copy=False), labels)


def _positions_of_colors(colors: NDArray[np.uint8], labels: LabelSet) -> NDArray[np.uint8]:
    """Returns the class map value of each colour.

    Args:
        colors: uint8 [..., 3].
        labels: the classes and their colours.

    Returns:
        uint8 [...].

    Raises:
        MaskError: a colour belongs to no class.
    """
    table, flat = _successors_of_colors(labels), colors.reshape(-1, 3)
    positions = np.empty(len(flat), np.uint8)
    for start in range(0, len(flat), PIXELS_AT_ONCE):
        successors = table[packed_colors(flat[start : start + PIXELS_AT_ONCE])]
        if not successors.all():
            raise MaskError(*_unknown_colors(colors, labels))
        positions[start : start + PIXELS_AT_ONCE] = successors - 1
    return positions.reshape(colors.shape[:-1])


def _unknown_colors(colors: NDArray[np.uint8], labels: LabelSet) -> tuple[str, str]:
    """Returns which colours of a mask belong to no class, and what to do."""
    used = used_colors(colors)
    unknown = used[_successors_of_colors(labels)[used] == 0][: _SHOWN + 1].tolist()
    return (
        f"contains the colours {_listed([unpacked_color(color) for color in unknown])}",
        f"the colours of the classes are {_listed(labels.colors)}: add a class for each colour, or the colour to "
        f"void.colors, in {LABELS_FILE}, or read the mask by its ids with `masks: index`",
    )


@functools.lru_cache(maxsize=4)
def _successors_of_colors(labels: LabelSet) -> NDArray[np.uint16]:
    """Returns 1 + the class map value of each packed colour: uint16 [2**24], 0 for colours without a meaning.

    Zeros take no memory until they are written, so the table needs one page of memory per class, not 32 MB.
    """
    table = np.zeros(2**24, np.uint16)
    table[packed_colors(np.array(labels.colors, np.uint8))] = np.arange(len(labels.colors)) + 1
    if labels.void_colors:
        table[packed_colors(np.array(labels.void_colors, np.uint8))] = VOID + 1
    return table


def _palette_gives_ids(mask: MaskValues, labels: LabelSet) -> bool:
    """Returns whether the indices of a palette are the ids of the label set.

    They are if the palette gives each of them the colour of its class, or if it says nothing about classes: a grey
    ramp, or one colour for all. They are not if all colours are those of the label set, but at other indices.

    Raises:
        MaskError: the palette fits neither the ids nor the colours.
    """
    palette = mask.palette
    assert palette is not None
    used = [int(index) for index in mask.used if index < len(palette)]
    colors = {index: _as_color(palette[index]) for index in used}
    class_colors = dict(zip(labels.ids, labels.colors, strict=True))
    if all(_agrees(index, color, class_colors, labels) for index, color in colors.items()):
        return True
    grey_ramp = np.repeat(np.arange(len(palette), dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    if len(palette) > 1 and (np.array_equal(palette, grey_ramp) or (palette == palette[0]).all()):
        return True
    if set(colors.values()) <= {*labels.colors, *labels.void_colors}:
        return False
    known = {*labels.ids, *labels.void_ids}.intersection(colors)
    if known and all(_agrees(index, colors[index], class_colors, labels) for index in known):
        return True  # reading by id then reports the unknown indices
    own = ", ".join(f"{index} {color}" for index, color in list(colors.items())[:_SHOWN])
    expected = ", ".join(f"{id_} {color} ({name})" for name, id_, color in _classes(labels)[:_SHOWN])
    raise MaskError(
        f"has a palette that is not that of the label set: it has {own}; the label set has {expected}",
        f"set `masks: index` in {LABELS_FILE} to ignore the palette, or give the classes there the masks' colours",
    )


def _agrees(index: int, color: Color, class_colors: dict[int, Color], labels: LabelSet) -> bool:
    if index in labels.void_ids:
        return color not in labels.colors  # tools draw void in different colours, but never in that of a class
    return class_colors.get(index) == color


def _by_binary_value(mask: MaskValues, labels: LabelSet) -> NDArray[np.uint8]:
    values = mask.values
    if mask.palette is not None:
        used = [index for index in mask.used if index < len(mask.palette)]
        if any(index and not mask.palette[index].any() for index in used):
            colors = ", ".join(f"{index} {_as_color(mask.palette[index])}" for index in used[:_SHOWN])
            raise MaskError(
                f"is a binary mask whose palette has black at an index that is not 0: {colors}",
                f"set `masks: color` in {LABELS_FILE}, with the colour of each class",
            )
    object_pixels = values.any(axis=-1) if values.ndim == 3 else values != 0
    (name,) = labels.foreground
    rest = VOID if labels.background is None else labels.names.index(labels.background)
    return np.where(object_pixels, np.uint8(labels.names.index(name)), np.uint8(rest))


def _advice_on_ids(labels: LabelSet, used: NDArray[np.intp]) -> str:
    if len(labels.foreground) == 1 and len(used) <= 2:
        return f"if every value but 0 is {labels.foreground[0]}, set `masks: binary` in {LABELS_FILE}"
    void = f"and {_listed(labels.void_ids)} for void" if labels.void_ids else "and no void"
    if labels == VOC_LABELS:
        return (
            f"a mask contains class ids 0 to {len(labels.names) - 1}, {void}; map its values to these, or describe the "
            f"classes of the masks in {LABELS_FILE}"
        )
    return (
        f"a mask contains the ids {_listed(sorted(labels.ids))}, {void}; add these values to the classes or to "
        f"void.ids in {LABELS_FILE}"
    )


def _classes(labels: LabelSet) -> list[tuple[str, int, Color]]:
    return list(zip(labels.names, labels.ids, labels.colors, strict=True))


def _colors_of(values: NDArray[np.unsignedinteger]) -> list[Color]:
    return [unpacked_color(color) for color in used_colors(values)[: _SHOWN + 1].tolist()]


def _as_color(color: NDArray[np.unsignedinteger]) -> Color:
    red, green, blue = color.tolist()
    return red, green, blue


def _listed(values: Iterable[object]) -> str:
    shown = list(values)
    return ", ".join(map(str, shown[:_SHOWN])) + (", …" if len(shown) > _SHOWN else "")
