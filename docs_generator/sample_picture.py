"""Draws the picture of the README: scenes of the embedded sample, their masks, and what the published model predicts.

`python -m docs_generator.sample_picture runs/demo docs/segmented.png`, after `make run`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.prediction.segmenter import load_segmenter
from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.pictures import overlay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCENES = slice(4, 49, 9)
"""Which images of the val split are drawn."""

OPACITY = 0.6
COLOURS = 128
SIDE, GAP, LABEL_WIDTH = 170, 6, 86  # pixels


def montage(rows: Mapping[str, Sequence[Image.Image]]) -> Image.Image:
    """Returns one picture with a row of square pictures per name, the names at the left.

    Args:
        rows: name → pictures of any sizes, as many in each row.

    Returns:
        RGB, `SIDE` pixels per picture and `GAP` pixels between them.
    """
    columns = max(len(pictures) for pictures in rows.values())
    result = Image.new("RGB", (LABEL_WIDTH + columns * (SIDE + GAP), len(rows) * (SIDE + GAP)), "white")
    draw = ImageDraw.Draw(result)
    for row, (name, pictures) in enumerate(rows.items()):
        top = row * (SIDE + GAP)
        draw.text((4, top + SIDE // 2 - 8), name, fill="black", font=ImageFont.load_default(15))
        for column, picture in enumerate(pictures):
            resized = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            result.paste(resized, (LABEL_WIDTH + column * (SIDE + GAP), top))
    return result


def sample_picture(run: Path) -> Image.Image:
    """Draws the picture from the output folder of `make run`."""
    segmenter, devkit = load_segmenter(run), run / "sample_devkit"
    ids = (devkit / "ImageSets/Segmentation/val.txt").read_text().split()[SCENES]
    rows: dict[str, list[Image.Image]] = {"photo": [], "truth": [], "prediction": []}
    for image_id in ids:
        path = devkit / f"JPEGImages/{image_id}.jpg"
        with Image.open(path) as photo, Image.open(devkit / f"SegmentationClass/{image_id}.png") as mask:
            pixels, truth = np.asarray(photo.convert("RGB")), np.asarray(mask)
        prediction = np.asarray(segmenter(path).mask())
        rows["photo"].append(Image.fromarray(pixels))
        for name, classes in (("truth", truth), ("prediction", prediction)):
            rows[name].append(Image.fromarray(overlay(pixels, classes, VOC_LABELS, OPACITY)))
    return montage(rows)


if __name__ == "__main__":
    sample_picture(Path(sys.argv[1])).quantize(COLOURS).save(sys.argv[2], optimize=True)
