"""Draws examples: the mask over the photo in the classes' colours, and a legend. Needs only PIL and numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfds_voc_seg.label_set import default_colors
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.pixel_tables import value_counts

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from tfds_voc_seg.label_set import Color, LabelSet

VOID_NAME = "void"
CANVAS_COLOUR = (255, 255, 255)
"""Background colour of the legend and of the gaps between pictures."""

VOID_COLOUR = default_colors(VOID + 1)[VOID]
"""The colour of void in pictures, whatever the label set: VOC's."""

_TEXT_COLOUR = (40, 40, 40)
_FONT_SIZE = 13  # pixels, as the next three
_SWATCH = 14
_MARGIN = 8
_ROW_HEIGHT = 22
_ABSENT_OPACITY = 0.25  # of the legend's entries for classes that the picture does not show
_STRIPE_WIDTH = 2  # of the hatching of void, pixels along a row
_STRIPE_PERIOD = 6
_MIN_PANEL_WIDTH = 256  # pixels: in a smaller panel a legend does not fit, and the hatching covers too much


def class_colour(name: str, labels: LabelSet) -> Color:
    """Returns the colour of a class.

    Args:
        name: a class of the label set, or `"void"`.
        labels: the label set.

    Raises:
        ValueError: the label set has no such class.
    """
    if name in labels.names:
        return labels.colors[labels.names.index(name)]
    if name == VOID_NAME:
        return VOID_COLOUR
    raise ValueError(f"unknown class {name!r}; the label set has {', '.join(labels.names)}")


def overlay(
    image: NDArray[np.uint8], classes: NDArray[np.uint8], channels: LabelSet, alpha: float = 0.5
) -> NDArray[np.uint8]:
    """Draws a class map over its photo: classes in their colours, background transparent, void hatched.

    Args:
        image: uint8 [height, width, 3].
        classes: uint8 [height, width], positions in the names of `channels`, and `VOID`.
        channels: names and colours of the classes.
        alpha: opacity of the class colours, 0 (only the photo) to 1 (only the colour).

    Returns:
        uint8 [height, width, 3].

    Raises:
        ValueError: the shapes do not match, or a pixel's class has no name.
    """
    if image.shape != (*classes.shape, 3):
        raise ValueError(f"an image of shape {image.shape} and a class map of shape {classes.shape} do not match")
    painted = image.astype(np.float32)
    for name in classes_seen(classes, channels.names):
        if name in channels.names and name != channels.background:
            where = classes == channels.names.index(name)
            painted[where] = (1 - alpha) * painted[where] + alpha * np.array(class_colour(name, channels), np.float32)
    if (classes == VOID).any():
        hatch_void(painted, classes == VOID)
    return np.rint(painted).astype(np.uint8)


def hatch_void(picture: NDArray[Any], void: NDArray[np.bool_]) -> None:
    """Draws diagonal stripes in the colour of void.

    Args:
        picture: [height, width, 3], changed in place.
        void: bool [height, width], the void pixels.
    """
    rows, columns = np.indices(void.shape)
    picture[void & ((rows + columns) % _STRIPE_PERIOD < _STRIPE_WIDTH)] = VOID_COLOUR


def classes_seen(classes: NDArray[np.uint8], class_names: Sequence[str]) -> list[str]:
    """Returns the names of the classes in a class map.

    Args:
        classes: uint8 [height, width], indices into `class_names` and `VOID`.
        class_names: the names of the channels.

    Returns:
        The names in the order of the channels, then `"void"` if a pixel is void.

    Raises:
        ValueError: a pixel's class has no name.
    """
    values = np.flatnonzero(value_counts(classes)).tolist()
    nameless = [value for value in values if value >= len(class_names) and value != VOID]
    if nameless:
        raise ValueError(f"the class map contains {nameless[0]}, but there are {len(class_names)} class names")
    return [VOID_NAME if value == VOID else class_names[value] for value in values]


def legend(
    names: Sequence[str],
    width: int,
    channels: LabelSet,
    *,
    present: Collection[str] | None = None,
    scale: float = 1.0,
) -> NDArray[np.uint8]:
    """Draws the colours and names of classes in one or more rows.

    Args:
        names: classes and `"void"`. Background has no colour in an overlay, so it appears (as "background
            only") only if there is no other name.
        width: width of the legend in pixels.
        channels: names and colours of the classes.
        present: the names to draw in full colour, by default all; the others are pale but keep their positions.
        scale: size of the drawing; at 1 the letters are 13 pixels high.

    Returns:
        uint8 [height, width, 3]; the height is even and depends on names, width and scale.

    Raises:
        ValueError: a class is unknown.
    """
    colours = {name: class_colour(name, channels) for name in names}
    areas = legend_areas(names, width, channels, scale=scale)
    swatch, margin, row_height = (round(length * scale) for length in (_SWATCH, _MARGIN, _ROW_HEIGHT))
    height = max((rows.stop for rows, _ in areas.values()), default=row_height + margin // 2) + margin - margin // 2
    strip = Image.new("RGB", (width, _even(height)), CANVAS_COLOUR)
    draw, font = ImageDraw.Draw(strip), _legend_font(scale)
    if not areas:
        draw.text((margin, strip.height // 2), f"{channels.background} only", _TEXT_COLOUR, font, anchor="lm")
    for name, (rows, columns) in areas.items():
        opacity = 1.0 if present is None or name in present else _ABSENT_OPACITY
        text_colour = _blend_with_canvas(_TEXT_COLOUR, opacity)
        left, top = columns.start, rows.start + (row_height - swatch) // 2
        patch = _blend_with_canvas(_swatch(name, colours[name], swatch), opacity)
        strip.paste(Image.fromarray(np.asarray(patch, np.uint8)), (left, top))
        draw.rectangle((left, top, left + swatch - 1, top + swatch - 1), outline=text_colour)
        draw.text((left + swatch + _gap(scale), top + swatch // 2), name, text_colour, font, anchor="lm")
    return np.asarray(strip)


def legend_areas(
    names: Sequence[str], width: int, channels: LabelSet, *, scale: float = 1.0
) -> dict[str, tuple[slice, slice]]:
    """Returns the rows and columns of the legend that show each class; the areas do not overlap.

    The arguments are those of `legend`.
    """
    swatch, margin, row_height = (round(length * scale) for length in (_SWATCH, _MARGIN, _ROW_HEIGHT))
    font = _legend_font(scale)
    areas = {}
    left, top = margin, margin // 2
    for name in names:
        if name == channels.background:
            continue
        needed = swatch + _gap(scale) + round(font.getlength(name)) + 2 * margin
        if left > margin and left + needed > width:
            left, top = margin, top + row_height
        areas[name] = slice(top, top + row_height), slice(left, left + needed)
        left += needed
    return areas


def _legend_font(scale: float) -> Any:
    return ImageFont.load_default(round(_FONT_SIZE * scale))


def _gap(scale: float) -> int:
    """Pixels between a swatch and the name of its class."""
    return round(6 * scale)


def _even(length: int) -> int:
    return length + length % 2


def _blend_with_canvas(colour: Any, opacity: float) -> Any:
    """Returns a colour, or an array of colours, blended with the canvas colour."""
    mixed = np.rint(opacity * np.asarray(colour, np.float32) + (1 - opacity) * np.array(CANVAS_COLOUR, np.float32))
    return mixed.astype(np.uint8) if mixed.ndim > 1 else tuple(int(value) for value in mixed)


def _swatch(name: str, colour: tuple[int, int, int], size: int) -> NDArray[np.uint8]:
    """Draws the square of a class in the legend: uint8 [size, size, 3]."""
    if name == VOID_NAME:
        grey = np.full((size, size, 3), 120, np.uint8)
        hatch_void(grey, np.ones((size, size), bool))
        return grey
    return np.full((size, size, 3), colour, np.uint8)


def enlarge(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeats the pixels of a small picture, [height, width, ...], so that hatching does not hide what is below it."""
    times = -(-_MIN_PANEL_WIDTH // picture.shape[1])
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def example_picture(image: NDArray[np.uint8], classes: NDArray[np.uint8], channels: LabelSet) -> NDArray[np.uint8]:
    """Draws an example: the photo, the overlay next to it, and the legend below.

    Small examples are enlarged without interpolation: each pixel becomes a square.

    Args:
        image: uint8 [height, width, 3].
        classes: uint8 [height, width], positions in the names of `channels`, and `VOID`.
        channels: names and colours of the classes.

    Returns:
        uint8 [height', width', 3].

    Raises:
        ValueError: the shapes do not match, or a pixel's class has no name.
    """
    image, classes = enlarge(image), enlarge(classes)
    gap = np.full((image.shape[0], _MARGIN, 3), CANVAS_COLOUR, np.uint8)
    panels = np.concatenate([image, gap, overlay(image, classes, channels)], axis=1)
    return np.concatenate([panels, legend(classes_seen(classes, channels.names), panels.shape[1], channels)])
