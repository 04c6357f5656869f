"""Whole runs with the default settings never publish a bad model, and a rollback withdraws a published one."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import yaml
from PIL import Image
from rich.console import Console

from components.model_pusher.rollback import rollback
from pipeline.config.loading import load_config
from tfds_voc_seg.sample.devkit import write_sample_devkit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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

    def run(self, *candidates: str) -> Run:
        """Runs the pipeline with some of the networks."""
        from pipeline.display.live import Display
        from pipeline.local.runner import run_locally

        settings = {
            "name": "bars",
            "output": str(self.output),
            "data": {
                "devkit": str(self.devkit),
                "image_size": SIZE,
                "classes": list(VOC_IDS),
                "num_shards": 1,
            },
            "training": {"epochs": 1, "batch_size": 4},
            "candidates": {name: {"network": f"bar_nets:{name}"} for name in candidates},
        }
        self.preset.write_text(yaml.safe_dump(settings))
        summary = run_locally(load_config(str(self.preset)), Display(Console(file=io.StringIO())))
        return Run(summary, self.versions)

    @property
    def versions(self) -> list[str]:
        """The published versions."""
        if not self.serving.exists():
            return []
        return sorted(path.name for path in self.serving.iterdir() if path.name.isdigit())


class History(NamedTuple):
    """Four runs in a row with one output folder.

    Attributes:
        background: a run with a network that predicts only background.
        first: adds a network that fails the smoke test, and one that is worse than `good`.
        good: a run with `good` and the worse network.
        worse: the candidates of `first` again: the training and the smoke test are cached.
    """

    background: Run
    first: Run
    good: Run
    worse: Run


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("bars")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield Workspace(folder)


@pytest.fixture(scope="module")
def history(workspace: Workspace) -> History:
    return History(
        background=workspace.run("background"),
        first=workspace.run("background", "noisy", "worse"),
        good=workspace.run("good", "worse"),
        worse=workspace.run("background", "noisy", "worse"),
    )


def test_a_background_only_model_is_never_published(history: History) -> None:
    """Not even without a published model, although the accuracy of such a network looks good."""
    summary, versions = history.background
    metrics = summary["candidates"]["background"]
    assert metrics["pixel_accuracy"] > 0.6
    assert (summary["published"], summary["baseline"], versions) == (None, None, [])
    assert metrics["refused"]
    assert "it predicts background only" in summary["reason"]


def test_a_model_that_fails_the_smoke_test_is_never_published(history: History, workspace: Workspace) -> None:
    """The next best model is published, although it is worse."""
    summary, versions = history.first
    noisy = summary["candidates"]["noisy"]
    assert not noisy["smoke_test"]["passed"]
    assert noisy["mean_iou"] is None  # failed candidates are not evaluated
    assert noisy["reason"].startswith("refused: the smoke test failed: image files: ")
    assert summary["selected"] == "worse"
    assert [summary["published"]] == [str(workspace.serving / version) for version in versions]


def test_a_better_model_is_published(history: History) -> None:
    summary, versions = history.good
    good, worse = (summary["candidates"][name] for name in ("good", "worse"))
    assert good["mean_iou"] > 0.95 > worse["mean_iou"]
    assert summary["selected"] == "good"
    assert len(versions) == 2


def test_a_model_worse_than_the_published_one_is_never_published(history: History) -> None:
    summary, versions = history.worse
    assert (summary["published"], summary["selected"], len(versions)) == (None, "worse", 2)
    assert not summary["candidates"]["worse"]["refused"]
    assert "does not beat the model in service" in summary["reason"]


@pytest.mark.usefixtures("history")
def test_tfxs_resolver_finds_the_model_that_was_blessed_last(workspace: Workspace) -> None:
    from ml_metadata.metadata_store import MetadataStore
    from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
    from tfx.orchestration import metadata
    from tfx.types import artifact_utils

    store = MetadataStore(metadata.sqlite_metadata_connection_config(str(workspace.output / "metadata.sqlite")))
    artifacts = {
        key: [
            artifact_utils.deserialize_artifact(store.get_artifact_type(name), artifact)
            for artifact in store.get_artifacts_by_type(name)
        ]
        for key, name in (("model", "Model"), ("model_blessing", "ModelBlessing"))
    }
    (model,) = LatestBlessedModelStrategy().resolve_artifacts(store, artifacts)["model"]
    assert "SegmentationTrainer.good" in model.uri


def test_a_withdrawn_model_is_not_published_again(history: History, workspace: Workspace) -> None:
    earlier, withdrawn = history.worse.versions
    done = rollback(workspace.serving)
    assert (done.in_service, done.withdrawn) == (earlier, (withdrawn,))
    summary, versions = workspace.run("good", "worse")
    assert summary["selected"] == "good"
    assert summary["baseline"]["mean_iou"] == summary["candidates"]["worse"]["mean_iou"]
    assert (summary["published"], versions) == (None, [earlier])
    assert f"a rollback took this same model out of service as version {withdrawn}" in summary["reason"]
    rollback(workspace.serving, withdrawn)
    assert workspace.versions == [earlier, withdrawn]
