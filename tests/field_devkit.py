"""A drawn devkit with classes of its own: fields with crop and weed, whose masks are RGB images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tfds_voc_seg.label_set import LabelSet
from tfds_voc_seg.label_set_files import write_label_set
from tfds_voc_seg.labels import VOID

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FIELD = LabelSet(
    names=("crop", "soil", "weed"),
    ids=(9, 4, 200),
    colors=((0, 180, 60), (111, 74, 0), (220, 20, 60)),
    background="soil",
    void_colors=((255, 255, 255),),
)


def write_field_devkit(folder: Path, labels: LabelSet = FIELD, train_images: int = 6, val_images: int = 4) -> None:
    """Writes the devkit; the photos have the colours of the classes, with noise."""
    rng = np.random.default_rng(0)
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (folder / name).mkdir(parents=True)
    write_label_set(labels, folder)
    for split, count in (("train", train_images), ("val", val_images)):
        ids = [f"{split}_{number}" for number in range(count)]
        (folder / f"ImageSets/Segmentation/{split}.txt").write_text("".join(f"{image_id}\n" for image_id in ids))
        for image_id in ids:
            mask = colored(_class_map(rng), labels)
            photo = np.clip(mask + rng.normal(0, 4, mask.shape), 0, 255).astype(np.uint8)
            Image.fromarray(mask).save(folder / f"SegmentationClass/{image_id}.png")
            Image.fromarray(photo).save(folder / f"JPEGImages/{image_id}.jpg", "PNG")


def _class_map(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draws rectangles of crop (0) and weed (2) on soil (1), and a frame of void."""
    classes = np.ones((40, 48), np.uint8)
    for class_id in (0, 2, 0, 2):
        top, left = rng.integers(0, 28), rng.integers(0, 36)
        classes[top : top + 12, left : left + 12] = class_id
    classes[0], classes[:, 0] = VOID, VOID
    return classes


def colored(classes: NDArray[np.uint8], labels: LabelSet) -> NDArray[np.uint8]:
    """Returns the colours of a class map: uint8 [height, width, 3]."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(labels.colors)], table[VOID] = labels.colors, labels.void_colors[0]
    colors: NDArray[np.uint8] = table[classes]
    return colors
