"""Pictures of examples: the mask over the photo in VOC's colours, and a legend. Needs PIL alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfds_voc_seg.labels import BACKGROUND, VOC_CLASSES, VOID, voc_palette

VOID_NAME = "void"
PAPER = (255, 255, 255)
"""The colour of legend and gaps."""

_COLOURS = np.array(voc_palette(), np.uint8).reshape(256, 3)
_INK = (40, 40, 40)
_FONT_SIZE, _SWATCH, _MARGIN, _ROW = 13, 14, 8, 22  # pixels
_STRIPE, _STRIPE_PERIOD = 2, 6  # of void's hatching, pixels along a row
_SMALLEST_PANEL = 256  # below it a legend doesn't fit, and hatching hides what it covers


def class_colour(name: str) -> tuple[int, int, int]:
    """VOC's colour of a class, whichever channel it is on.

    Args:
        name: a class of VOC, or `"void"`.

    Raises:
        ValueError: no such class.
    """
    if name != VOID_NAME and name not in VOC_CLASSES:
        raise ValueError(f"unknown class {name!r}; VOC has colours for {', '.join(VOC_CLASSES)}")
    red, green, blue = _COLOURS[VOID if name == VOID_NAME else VOC_CLASSES.index(name)].tolist()
    return red, green, blue


def overlay(image: np.ndarray, classes: np.ndarray, class_names: Sequence[str], alpha: float = 0.5) -> np.ndarray:
    """Lays a class map over its photo: classes in VOC's colours, background clear, void hatched.

    Args:
        image: uint8 [height, width, 3].
        classes: uint8 [height, width], indices into `class_names` and `VOID`.
        class_names: VOC's names of the channels.
        alpha: how much of a class's colour shows, 0 (none) to 1 (nothing else).

    Returns:
        uint8 [height, width, 3].

    Raises:
        ValueError: the shapes don't match, a class is unknown, or a pixel's class has no name.
    """
    if image.shape != (*classes.shape, 3):
        raise ValueError(f"an image of shape {image.shape} and a class map of shape {classes.shape} don't match")
    painted = image.astype(np.float32)
    for name in classes_seen(classes, class_names):
        if name == VOID_NAME:
            rows, columns = np.indices(classes.shape)
            where = (classes == VOID) & ((rows + columns) % _STRIPE_PERIOD < _STRIPE)
            painted[where] = class_colour(name)
        elif name != BACKGROUND:
            where = classes == class_names.index(name)
            painted[where] = (1 - alpha) * painted[where] + alpha * np.array(class_colour(name), np.float32)
    return np.rint(painted).astype(np.uint8)


def classes_seen(classes: np.ndarray, class_names: Sequence[str]) -> list[str]:
    """Names the classes of a class map.

    Args:
        classes: uint8 [height, width], indices into `class_names` and `VOID`.
        class_names: the names of the channels.

    Returns:
        The names in the channels' order, then `"void"` if there is any.

    Raises:
        ValueError: a pixel's class has no name.
    """
    values = [int(value) for value in np.unique(classes)]
    nameless = [value for value in values if value >= len(class_names) and value != VOID]
    if nameless:
        raise ValueError(f"the class map holds {nameless[0]}, but there are {len(class_names)} class names")
    return [VOID_NAME if value == VOID else class_names[value] for value in values]


def legend(names: Sequence[str], width: int) -> np.ndarray:
    """Draws a strip of colours and names, in as many rows as it takes.

    Args:
        names: classes of VOC and `"void"`. Background has no colour in an overlay, hence none here: it is named only
            where it is alone.
        width: of the strip, pixels.

    Returns:
        uint8 [height, width, 3]; the height follows from the names.

    Raises:
        ValueError: a class is unknown.
    """
    colours = {name: class_colour(name) for name in names}
    shown = [name for name in names if name != BACKGROUND]
    font = ImageFont.load_default(_FONT_SIZE)
    if not shown:
        strip = Image.new("RGB", (width, _ROW + _MARGIN), PAPER)
        ImageDraw.Draw(strip).text((_MARGIN, strip.height // 2), "background only", _INK, font, anchor="lm")
        return np.asarray(strip)

    places: list[tuple[int, int]] = []
    left, row = _MARGIN, 0
    for name in shown:
        needed = _SWATCH + 6 + round(font.getlength(name)) + 2 * _MARGIN
        if left > _MARGIN and left + needed > width:
            left, row = _MARGIN, row + 1
        places.append((left, row))
        left += needed

    strip = Image.new("RGB", (width, (row + 1) * _ROW + _MARGIN), PAPER)
    draw = ImageDraw.Draw(strip)
    for name, (left, row) in zip(shown, places, strict=True):
        top = _MARGIN // 2 + row * _ROW + (_ROW - _SWATCH) // 2
        strip.paste(Image.fromarray(_swatch(name, colours[name])), (left, top))
        draw.rectangle((left, top, left + _SWATCH - 1, top + _SWATCH - 1), outline=_INK)
        draw.text((left + _SWATCH + 6, top + _SWATCH // 2), name, _INK, font, anchor="lm")
    return np.asarray(strip)


def _swatch(name: str, colour: tuple[int, int, int]) -> np.ndarray:
    if name == VOID_NAME:
        grey = np.full((_SWATCH, _SWATCH, 3), 120, np.uint8)
        return overlay(grey, np.full((_SWATCH, _SWATCH), VOID, np.uint8), [])
    return np.full((_SWATCH, _SWATCH, 3), colour, np.uint8)


def enlarged(picture: np.ndarray) -> np.ndarray:
    """Repeats the pixels of a small picture, [height, width, ...], until hatching does not hide what it covers."""
    times = -(-_SMALLEST_PANEL // picture.shape[1])
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def example_picture(image: np.ndarray, classes: np.ndarray, class_names: Sequence[str]) -> np.ndarray:
    """Shows an example: the photo, the overlay beside it, the legend below both.

    Small examples are shown by larger pixels, each as a square: nothing is interpolated.

    Args:
        image: uint8 [height, width, 3].
        classes: uint8 [height, width], indices into `class_names` and `VOID`.
        class_names: VOC's names of the channels.

    Returns:
        uint8 [height', width', 3].

    Raises:
        ValueError: as `overlay`.
    """
    image, classes = enlarged(image), enlarged(classes)
    gap = np.full((image.shape[0], _MARGIN, 3), PAPER, np.uint8)
    panels = np.concatenate([image, gap, overlay(image, classes, class_names)], axis=1)
    return np.concatenate([panels, legend(classes_seen(classes, class_names), panels.shape[1])])
