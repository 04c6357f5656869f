"""Pictures of examples: the mask over the photo in VOC's colours, and a legend. Needs PIL alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfds_voc_seg.labels import BACKGROUND, VOC_CLASSES, VOID, voc_palette

VOID_NAME = "void"
CANVAS_COLOUR = (255, 255, 255)
"""The colour of legend and gaps."""

_COLOURS = np.array(voc_palette(), np.uint8).reshape(256, 3)
_INK = (40, 40, 40)
_FONT_SIZE, _SWATCH, _MARGIN, _ROW = 13, 14, 8, 22  # pixels
_PALE = 0.25  # strength of what is named in a legend and not there
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


def legend(
    names: Sequence[str],
    width: int,
    *,
    colours: Mapping[str, tuple[int, int, int]] | None = None,
    present: Collection[str] | None = None,
    scale: float = 1.0,
) -> np.ndarray:
    """Draws a strip of colours and names, in as many rows as it takes.

    Args:
        names: classes and `"void"`. Background has no colour in an overlay, hence none here: it is named only where it
            is alone.
        width: of the strip, pixels.
        colours: a colour for each name; VOC's own where left out.
        present: the names that are drawn in full, the others pale; all of them where left out. It does not move them.
        scale: how large it is drawn; at 1 the letters are 13 pixels high.

    Returns:
        uint8 [height, width, 3]; the height, an even number, follows from names, width and scale.

    Raises:
        ValueError: a class is unknown.
    """
    colours = colours or {name: class_colour(name) for name in names}
    shown = [name for name in names if name != BACKGROUND]
    swatch, margin, row_height = (round(length * scale) for length in (_SWATCH, _MARGIN, _ROW))
    gap = round(6 * scale)
    font = ImageFont.load_default(round(_FONT_SIZE * scale))
    if not shown:
        strip = Image.new("RGB", (width, _even(row_height + margin)), CANVAS_COLOUR)
        ImageDraw.Draw(strip).text((margin, strip.height // 2), "background only", _INK, font, anchor="lm")
        return np.asarray(strip)

    places: list[tuple[int, int]] = []
    left, row = margin, 0
    for name in shown:
        needed = swatch + gap + round(font.getlength(name)) + 2 * margin
        if left > margin and left + needed > width:
            left, row = margin, row + 1
        places.append((left, row))
        left += needed

    strip = Image.new("RGB", (width, _even((row + 1) * row_height + margin)), CANVAS_COLOUR)
    draw = ImageDraw.Draw(strip)
    for name, (left, row) in zip(shown, places, strict=True):
        strength = 1.0 if present is None or name in present else _PALE
        ink = _towards_paper(_INK, strength)
        top = margin // 2 + row * row_height + (row_height - swatch) // 2
        patch = _towards_paper(_swatch(name, colours[name], swatch), strength)
        strip.paste(Image.fromarray(np.asarray(patch, np.uint8)), (left, top))
        draw.rectangle((left, top, left + swatch - 1, top + swatch - 1), outline=ink)
        draw.text((left + swatch + gap, top + swatch // 2), name, ink, font, anchor="lm")
    return np.asarray(strip)


def _even(length: int) -> int:
    return length + length % 2


def _towards_paper(colour: Any, strength: float) -> Any:
    """A colour, or an array of them, mixed with the paper's."""
    mixed = np.rint(strength * np.asarray(colour, np.float32) + (1 - strength) * np.array(CANVAS_COLOUR, np.float32))
    return mixed.astype(np.uint8) if mixed.ndim > 1 else tuple(int(value) for value in mixed)


def _swatch(name: str, colour: tuple[int, int, int], size: int) -> np.ndarray:
    if name == VOID_NAME:
        grey = np.full((size, size, 3), 120, np.uint8)
        return overlay(grey, np.full((size, size), VOID, np.uint8), [])
    return np.full((size, size, 3), colour, np.uint8)


def enlarge(picture: np.ndarray) -> np.ndarray:
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
    image, classes = enlarge(image), enlarge(classes)
    gap = np.full((image.shape[0], _MARGIN, 3), CANVAS_COLOUR, np.uint8)
    panels = np.concatenate([image, gap, overlay(image, classes, class_names)], axis=1)
    return np.concatenate([panels, legend(classes_seen(classes, class_names), panels.shape[1])])
