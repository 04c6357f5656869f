"""Pictures of detections: the photo, the objects that are there, and those that were found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from components.detector_trainer.average_precision import Objects
from components.detector_trainer.detections import Detections
from tfds_voc_seg.pictures import CANVAS_COLOUR, class_colour

SHOWN_FROM = 0.5
"""The least score that is drawn."""

_SMALLEST, _GAP = 240, 6  # pixels
_INK = (20, 20, 20)


def detection_picture(image: np.ndarray, objects: Objects, found: Detections, class_names: Sequence[str]) -> np.ndarray:
    """Draws the truth on the left, and what was found with a score of `SHOWN_FROM` or more on the right.

    Args:
        image: uint8 [size, size, 3]; a small one is enlarged.
        objects: what is there.
        found: what was found.
        class_names: of VOC, background first.

    Returns:
        uint8 [height, width, 3].
    """
    factor = max(1, round(_SMALLEST / image.shape[0]))
    photo = Image.fromarray(image).resize((image.shape[1] * factor, image.shape[0] * factor), Image.Resampling.NEAREST)
    shown = found.scores >= SHOWN_FROM
    truth = [class_names[label] for label in objects.labels]
    seen = [
        f"{class_names[label]} {score:.2f}"
        for label, score in zip(found.labels[shown], found.scores[shown], strict=True)
    ]
    panels = [_with_boxes(photo, objects.boxes, truth), _with_boxes(photo, found.boxes[shown], seen)]
    picture = Image.new("RGB", (2 * photo.width + _GAP, photo.height), CANVAS_COLOUR)
    picture.paste(panels[0], (0, 0))
    picture.paste(panels[1], (photo.width + _GAP, 0))
    return np.asarray(picture)


def _with_boxes(photo: Image.Image, boxes: np.ndarray, captions: Sequence[str]) -> Image.Image:
    panel, font = photo.copy(), ImageFont.load_default(12)
    draw = ImageDraw.Draw(panel)
    for box, caption in zip(boxes, captions, strict=True):
        top, left, bottom, right = _pixels(box, photo)
        colour = class_colour(caption.split()[0])
        draw.rectangle((left, top, right, bottom), outline=colour, width=3)
        text = draw.textbbox((left + 4, top + 3), caption, font)
        draw.rectangle((text[0] - 3, text[1] - 2, text[2] + 3, text[3] + 2), fill=CANVAS_COLOUR)
        draw.text((left + 4, top + 3), caption, _INK, font)
    return panel


def _pixels(box: np.ndarray, photo: Image.Image) -> tuple[float, float, float, float]:
    top, left, bottom, right = (float(value) for value in box)
    return top * (photo.height - 1), left * (photo.width - 1), bottom * (photo.height - 1), right * (photo.width - 1)
