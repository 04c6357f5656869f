"""Pictures of a photo with its true objects and its detections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfds_voc_seg.pictures import CANVAS_COLOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from components.detector_trainer.average_precision import Objects
    from components.detector_trainer.detections import Detections
    from tfds_voc_seg.label_set import Color, LabelSet

MIN_SHOWN_SCORE = 0.5
"""Detections with a lower score are not drawn."""

_SMALLEST, _GAP = 240, 6  # pixels
_INK = (20, 20, 20)


def detection_picture(
    image: NDArray[np.uint8], objects: Objects, found: Detections, channels: LabelSet
) -> NDArray[np.uint8]:
    """Draws the true objects on the left, and the detections with at least `MIN_SHOWN_SCORE` on the right.

    Args:
        image: uint8 [size, size, 3]; small images are enlarged.
        objects: the true objects.
        found: the detections.
        channels: the classes, background first.

    Returns:
        uint8 [height, width, 3].
    """
    factor = max(1, round(_SMALLEST / image.shape[0]))
    photo = Image.fromarray(image).resize((image.shape[1] * factor, image.shape[0] * factor), Image.Resampling.NEAREST)
    shown = found.scores >= MIN_SHOWN_SCORE
    names, colours = channels.names, channels.colors
    truth = [names[label] for label in objects.labels]
    detected = [
        f"{names[label]} {score:.2f}" for label, score in zip(found.labels[shown], found.scores[shown], strict=True)
    ]
    panels = [
        _with_boxes(photo, objects.boxes, truth, [colours[label] for label in objects.labels]),
        _with_boxes(photo, found.boxes[shown], detected, [colours[label] for label in found.labels[shown]]),
    ]
    picture = Image.new("RGB", (2 * photo.width + _GAP, photo.height), CANVAS_COLOUR)
    picture.paste(panels[0], (0, 0))
    picture.paste(panels[1], (photo.width + _GAP, 0))
    return np.asarray(picture)


def _with_boxes(
    photo: Image.Image, boxes: NDArray[Any], captions: Sequence[str], colours: Sequence[Color]
) -> Image.Image:
    panel, font = photo.copy(), ImageFont.load_default(12)
    draw = ImageDraw.Draw(panel)
    for box, caption, colour in zip(boxes, captions, colours, strict=True):
        top, left, bottom, right = _pixels(box, photo)
        draw.rectangle((left, top, right, bottom), outline=colour, width=3)
        text = draw.textbbox((left + 4, top + 3), caption, font)
        draw.rectangle((text[0] - 3, text[1] - 2, text[2] + 3, text[3] + 2), fill=CANVAS_COLOUR)
        draw.text((left + 4, top + 3), caption, _INK, font)
    return panel


def _pixels(box: NDArray[Any], photo: Image.Image) -> tuple[float, float, float, float]:
    top, left, bottom, right = (float(value) for value in box)
    return top * (photo.height - 1), left * (photo.width - 1), bottom * (photo.height - 1), right * (photo.width - 1)
