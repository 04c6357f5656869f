"""The usual script that turns COCO's annotations into masks, for comparison: pycocotools decodes, PIL writes PNGs.

Reimplemented from the examples of pycocotools: `COCO` reads the file, `annToMask` draws each object, larger ones first.
"""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from pycocotools.coco import COCO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def write_masks(annotations: Path, folder: Path, palette: Sequence[int]) -> int:
    """Writes the mask of each image to a new folder.

    Args:
        annotations: the JSON file.
        folder: where the masks are written; it must not exist.
        palette: 768 values: red, green and blue of each index.

    Returns:
        The number of masks.
    """
    folder.mkdir()
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(annotations))
    positions = {category: position for position, category in enumerate(sorted(coco.getCatIds()), start=1)}
    for image_id in coco.getImgIds():
        image = coco.loadImgs(image_id)[0]
        classes = np.zeros((image["height"], image["width"]), np.uint8)
        objects = coco.loadAnns(coco.getAnnIds(imgIds=image_id))
        for annotation in sorted(objects, key=lambda one: -one["area"]):
            classes[coco.annToMask(annotation) == 1] = positions[annotation["category_id"]]
        mask = Image.fromarray(classes)
        mask.putpalette(palette)
        mask.save(folder / f"{image['file_name'].removesuffix('.jpg')}.png")
    return len(coco.getImgIds())
