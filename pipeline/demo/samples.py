"""Drawn sample pictures to try a model: no photos with rights of others, no download."""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tfds_voc_seg.sample.scenes import SAMPLE_CLASSES, draw_scene

if TYPE_CHECKING:
    from collections.abc import Collection

_SEED = 2012
_JPEG_QUALITY = 92


@dataclasses.dataclass(frozen=True)
class SampleImage:
    """A sample picture.

    Attributes:
        title: the classes in it.
        jpeg: the file's bytes.
    """

    title: str
    jpeg: bytes


def sample_images(classes: Collection[str], count: int = 4) -> list[SampleImage]:
    """Draws scenes with the given classes; with other classes if the sample scenes support none of them.

    Args:
        classes: the models' classes.
        count: number of scenes.
    """
    names = [name for name in SAMPLE_CLASSES if name in classes] or list(SAMPLE_CLASSES)
    images = []
    for index in range(count):
        rng = np.random.default_rng([_SEED, index])
        drawn = [names[index % len(names)], names[(2 * index + 1) % len(names)]]
        scene = draw_scene(rng, drawn[: 1 + index % 2])
        file = io.BytesIO()
        Image.fromarray(scene.image).save(file, "JPEG", quality=_JPEG_QUALITY)
        images.append(SampleImage(" and ".join(dict.fromkeys(item.name for item in scene.objects)), file.getvalue()))
    return images
