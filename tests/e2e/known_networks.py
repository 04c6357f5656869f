"""A devkit, networks whose quality is known, and runs of the pipeline with them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import yaml
from PIL import Image
from rich.console import Console

from pipeline.config.loading import load_config
from tfds_voc_seg.sample.devkit import write_sample_devkit

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.config.schema import RunConfig

SIZE = 32
VOC_IDS = {"car": 7, "person": 15}

NETWORKS = """
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

VAL = np.load(Path(__file__).with_name("val.npz"))


class NearestPhoto(keras.layers.Layer):
    '''Returns the true mask of the most similar val photo; from a column on, only background.'''

    def __init__(self, columns):
        super().__init__()
        self.columns = columns

    def call(self, images):
        photos, classes = VAL["photos"].astype(np.float32), VAL["class_maps"].copy()
        classes[:, :, self.columns :] = 0
        distance = tf.reduce_sum(tf.square(images[:, None] - photos), axis=(2, 3, 4))
        return tf.gather(np.eye(3, dtype=np.float32)[classes], tf.argmin(distance, axis=1))


class Noise(keras.layers.Layer):
    '''Also active after the training, by mistake: the same request gets a different answer each time.'''

    def call(self, scores):
        return scores + tf.random.normal(tf.shape(scores))


def _network(image_size, num_classes, columns, *layers):
    images = keras.Input((image_size, image_size, 3))
    scores = NearestPhoto(columns)(images)
    for layer in layers:
        scores = layer(scores)
    trainable = keras.layers.Conv2D(num_classes, 1)(images)  # training needs a weight; this one has no effect
    return keras.Model(images, scores + 0 * trainable)


def good(image_size, num_classes):
    return _network(image_size, num_classes, image_size)


def worse(image_size, num_classes):
    return _network(image_size, num_classes, image_size // 2)


def background(image_size, num_classes):
    return _network(image_size, num_classes, 0)


def noisy(image_size, num_classes):
    return _network(image_size, num_classes, image_size, Noise())
"""
"""Networks whose output does not depend on the training."""


class Run(NamedTuple):
    """A run.

    Attributes:
        summary: its summary.
        versions: the published versions afterwards.
    """

    summary: dict[str, Any]
    versions: list[str]


class Workspace:
    """A devkit, networks of the user's own and one output folder.

    Attributes:
        devkit: the devkit.
        output: the output folder of all runs.
        serving: the publishing folder.
        preset: the file of the configuration.
    """

    def __init__(self, folder: Path):
        (folder / "bar_nets.py").write_text(NETWORKS)
        self.devkit = folder / "VOC2012"
        write_sample_devkit(self.devkit, train_images=4, val_images=6)
        self._save_val(folder / "val.npz")
        self.output = folder / "output"
        self.serving = self.output / "serving"
        self.preset = folder / "bars.yaml"

    def _save_val(self, file: Path) -> None:
        """Writes the photos and class maps of the val split, for the networks."""
        photos, class_maps = [], []
        for image_id in (self.devkit / "ImageSets/Segmentation/val.txt").read_text().split():
            with Image.open(self.devkit / f"JPEGImages/{image_id}.jpg") as photo:
                photos.append(np.array(photo.resize((SIZE, SIZE))))
            with Image.open(self.devkit / f"SegmentationClass/{image_id}.png") as mask:
                ids = np.array(mask.resize((SIZE, SIZE), Image.Resampling.NEAREST))
            class_maps.append(np.select([ids == voc_id for voc_id in VOC_IDS.values()], [1, 2], 0))
        np.savez(file, photos=photos, class_maps=class_maps)

    def run(self, *candidates: str, num_shards: int = 1) -> Run:
        """Runs the pipeline with some of the networks."""
        from pipeline.display.live import Display
        from pipeline.local.runner import run_locally

        config = self.config(*candidates, num_shards=num_shards)
        summary = run_locally(config, Display(Console(file=io.StringIO())))
        return Run(summary, self.versions)

    def config(self, *candidates: str, num_shards: int = 1) -> RunConfig:
        """Writes the preset of a run with some of the networks, and loads it."""
        settings = {
            "name": "bars",
            "output": str(self.output),
            "data": {
                "devkit": str(self.devkit),
                "image_size": SIZE,
                "classes": list(VOC_IDS),
                "num_shards": num_shards,
            },
            "training": {"epochs": 1, "batch_size": 4},
            "candidates": {name: {"network": f"bar_nets:{name}"} for name in candidates},
        }
        self.preset.write_text(yaml.safe_dump(settings))
        return load_config(str(self.preset))

    @property
    def versions(self) -> list[str]:
        """The published versions."""
        if not self.serving.exists():
            return []
        return sorted(path.name for path in self.serving.iterdir() if path.name.isdigit())
