"""Writes the embedded sample: a small devkit in the layout of VOC2012, with drawn scenes instead of photos.

With the sample, every step runs without a download. Any tool that reads VOC can read it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from tfds_voc_seg.labels import VOC_CLASSES, VOID, voc_palette
from tfds_voc_seg.sample.scenes import SAMPLE_CLASSES, Scene, draw_scene
from tfds_voc_seg.sample.style import DEFAULT_STYLE, SceneStyle
from tfds_voc_seg.storage import written_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DEFAULT_TRAIN_IMAGES = 480
DEFAULT_VAL_IMAGES = 60

FIRST_TRAIN_NUMBER = 1
FIRST_VAL_NUMBER = 100_001
"""Each split has its own first number, so that a larger split does not change the images of the other."""

_JPEG_QUALITY = 90
_PALETTE = voc_palette()


def _void_border(instances: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Returns the void border around every object: bool [height, width]."""
    border = np.zeros(instances.shape, bool)
    border[1:] |= instances[1:] != instances[:-1]
    border[:, 1:] |= instances[:, 1:] != instances[:, :-1]
    # In relation to the image, the border is as wide as in VOC: 5 pixels in 500.
    radius = max(1, round((max(instances.shape) / 100 - 1) / 2))
    return np.asarray(Image.fromarray(border).convert("L").filter(ImageFilter.MaxFilter(2 * radius + 1))) > 0


def _annotation(image_id: str, scene: Scene) -> bytes:
    """Returns the XML annotation of an image, in VOC's format."""
    root = ElementTree.Element("annotation")

    def add(parent: ElementTree.Element, **texts: object) -> None:
        for tag, text in texts.items():
            ElementTree.SubElement(parent, tag).text = str(text)

    add(root, folder="VOC2012", filename=f"{image_id}.jpg")
    source = ElementTree.SubElement(root, "source")
    add(source, database="voc-seg embedded sample", annotation="voc-seg embedded sample", image="drawn")
    height, width, depth = scene.image.shape
    add(ElementTree.SubElement(root, "size"), width=width, height=height, depth=depth)
    add(root, segmented=1)
    for item in scene.objects:
        element = ElementTree.SubElement(root, "object")
        add(element, name=item.name, pose=item.pose, truncated=int(item.truncated), occluded=int(item.occluded))
        box = dict(zip(("xmin", "ymin", "xmax", "ymax"), item.box, strict=True))
        add(ElementTree.SubElement(element, "bndbox"), **box)
        add(element, difficult=0)
    ElementTree.indent(root, "\t")
    return ElementTree.tostring(root) + b"\n"


def _write_image(devkit: Path, image_id: str, scene: Scene) -> None:
    """Writes photo, class mask, instance mask and annotation of an image."""
    Image.fromarray(scene.image).save(devkit / "JPEGImages" / f"{image_id}.jpg", quality=_JPEG_QUALITY)
    class_ids = np.array([0, *(VOC_CLASSES.index(item.name) for item in scene.objects)], np.uint8)
    void = _void_border(scene.instances)
    masks = {"SegmentationClass": class_ids[scene.instances], "SegmentationObject": scene.instances}
    for folder, mask in masks.items():
        png = Image.fromarray(np.where(void, np.uint8(VOID), mask))
        png.putpalette(_PALETTE)
        png.save(devkit / folder / f"{image_id}.png")
    (devkit / "Annotations" / f"{image_id}.xml").write_bytes(_annotation(image_id, scene))


def write_sample_devkit(
    folder: Path,
    *,
    train_images: int = DEFAULT_TRAIN_IMAGES,
    val_images: int = DEFAULT_VAL_IMAGES,
    seed: int = 0,
    on_image: Callable[[int, int], None] | None = None,
    style: SceneStyle = DEFAULT_STYLE,
) -> None:
    """Writes a devkit of drawn scenes: photos, class and instance masks, annotations and split lists.

    An image depends only on the seed, its number and the style, so that a larger split contains the images of a smaller
    one. Any five consecutive images contain every class. The folder appears once it is complete.

    Args:
        folder: the folder to write, which VOC calls `VOCdevkit/VOC2012`; it must be empty if it exists.
        train_images: number of images in the train list, at least 1.
        val_images: number of images in the val list, at least 1.
        seed: at least 0. The same seed gives the same bytes with the same versions of numpy and Pillow.
        on_image: called after each image with the number of written images and the total number.
        style: how difficult the scenes are.

    Raises:
        ValueError: `folder` is a file or is not empty, or a number is out of range.
    """
    largest = FIRST_VAL_NUMBER - FIRST_TRAIN_NUMBER
    if not (1 <= train_images <= largest and 1 <= val_images <= largest):
        raise ValueError(
            f"Each split must have 1 to {largest} images, not {train_images} for train and {val_images} for val."
        )
    if seed < 0:
        raise ValueError(f"The seed must not be negative, but is {seed}.")
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not an empty folder: use an empty folder, or one that does not exist.")
    folder.parent.mkdir(parents=True, exist_ok=True)

    train = [FIRST_TRAIN_NUMBER + index for index in range(train_images)]
    val = [FIRST_VAL_NUMBER + index for index in range(val_images)]
    with written_whole(folder, flushed=False) as unfinished:
        devkit = Path(unfinished)
        for subfolder in ("JPEGImages", "SegmentationClass", "SegmentationObject", "Annotations"):
            (devkit / subfolder).mkdir(parents=True)
        for written, number in enumerate(train + val, start=1):
            rng = np.random.default_rng([seed, number])
            count = 1 + int(rng.choice(len(style.object_count_odds), p=style.object_count_odds))
            # The number determines the first class, so that every class occurs even in a short list.
            kinds = [number % len(SAMPLE_CLASSES), *rng.integers(len(SAMPLE_CLASSES), size=count - 1)]
            names = [SAMPLE_CLASSES[kind] for kind in kinds]
            _write_image(devkit, _image_id(number), draw_scene(rng, names, style))
            if on_image:
                on_image(written, train_images + val_images)
        lists = devkit / "ImageSets" / "Segmentation"
        lists.mkdir(parents=True)
        for split, numbers in {"train": train, "val": val, "trainval": train + val}.items():
            (lists / f"{split}.txt").write_text("".join(f"{_image_id(number)}\n" for number in numbers))
        if folder.exists():
            folder.rmdir()  # it is empty; the finished devkit is renamed to it


def _image_id(number: int) -> str:
    return f"2012_{number:06d}"
