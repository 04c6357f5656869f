"""Drawn scenes to try a model on: nobody's photos, no download."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Collection

import numpy as np
from PIL import Image

from tfds_voc_seg.sample.scenes import SAMPLE_CLASSES, draw_scene

_SEED = 2012
_QUALITY = 92  # of JPEG


@dataclasses.dataclass(frozen=True)
class SampleImage:
    """A picture on offer.

    Attributes:
        title: what is in it.
        jpeg: the file's bytes.
    """

    title: str
    jpeg: bytes


def sample_images(classes: Collection[str], count: int = 4) -> list[SampleImage]:
    """Draws scenes, preferably of classes that a model knows.

    Args:
        classes: the models' classes.
        count: how many scenes.
    """
    names = [name for name in SAMPLE_CLASSES if name in classes] or list(SAMPLE_CLASSES)
    images = []
    for index in range(count):
        rng = np.random.default_rng([_SEED, index])
        drawn = [names[index % len(names)], names[(2 * index + 1) % len(names)]]
        scene = draw_scene(rng, drawn[: 1 + index % 2])
        file = io.BytesIO()
        Image.fromarray(scene.image).save(file, "JPEG", quality=_QUALITY)
        images.append(SampleImage(" and ".join(dict.fromkeys(item.name for item in scene.objects)), file.getvalue()))
    return images
