"""What must never be published, in whole runs with the default settings; and the way back from what was."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from rich.console import Console

from components.model_pusher.rollback import rollback
from pipeline.config.loading import load_config
from tfds_voc_seg.sample.devkit import write_sample_devkit

SIZE = 32
VOC_IDS = {"car": 7, "person": 15}

NETWORKS = """
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

KNOWN = np.load(Path(__file__).with_name("val.npz"))


class Memory(keras.layers.Layer):
    '''Knows the val photos by heart and answers with the mask of the nearest one, up to a column.'''

    def __init__(self, columns):
        super().__init__()
        self.columns = columns

    def call(self, images):
        photos, classes = KNOWN["photos"].astype(np.float32), KNOWN["class_maps"].copy()
        classes[:, :, self.columns :] = 0
        distance = tf.reduce_sum(tf.square(images[:, None] - photos), axis=(2, 3, 4))
        return tf.gather(np.eye(3, dtype=np.float32)[classes], tf.argmin(distance, axis=1))


class Noise(keras.layers.Layer):
    '''Forgot to switch off after the training: a server answers the same request differently each time.'''

    def call(self, scores):
        return scores + tf.random.normal(tf.shape(scores))


def _network(image_size, num_classes, columns, *layers):
    images = keras.Input((image_size, image_size, 3))
    scores = Memory(columns)(images)
    for layer in layers:
        scores = layer(scores)
    learnt = keras.layers.Conv2D(num_classes, 1)(images)  # which a training needs, and which changes nothing
    return keras.Model(images, scores + 0 * learnt)


def good(image_size, num_classes):
    return _network(image_size, num_classes, image_size)


def worse(image_size, num_classes):
    return _network(image_size, num_classes, image_size // 2)


def background(image_size, num_classes):
    return _network(image_size, num_classes, 0)


def moody(image_size, num_classes):
    return _network(image_size, num_classes, image_size, Noise())
"""
"""Networks whose answers do not depend on what a short training happens to find."""


class Workspace:
    """A devkit and networks of one's own, with one output folder that the tests share, in order."""

    def __init__(self, folder: Path):
        (folder / "bar_nets.py").write_text(NETWORKS)
        self.devkit = folder / "VOC2012"
        write_sample_devkit(self.devkit, train_images=4, val_images=6)
        self._remember_val(folder / "val.npz")
        self.output = folder / "output"
        self.preset = folder / "bars.yaml"

    def _remember_val(self, file: Path) -> None:
        photos, class_maps = [], []
        for image_id in (self.devkit / "ImageSets/Segmentation/val.txt").read_text().split():
            with Image.open(self.devkit / f"JPEGImages/{image_id}.jpg") as photo:
                photos.append(np.array(photo.resize((SIZE, SIZE))))
            with Image.open(self.devkit / f"SegmentationClass/{image_id}.png") as mask:
                ids = np.array(mask.resize((SIZE, SIZE), Image.Resampling.NEAREST))
            class_maps.append(np.select([ids == voc_id for voc_id in VOC_IDS.values()], [1, 2], 0))
        np.savez(file, photos=photos, class_maps=class_maps)

    def run(self, *candidates: str) -> dict[str, Any]:
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
        return run_locally(load_config(str(self.preset)), Display(Console(file=io.StringIO())))

    @property
    def versions(self) -> list[str]:
        serving = self.output / "serving"
        return sorted(path.name for path in serving.iterdir() if path.name.isdigit()) if serving.exists() else []


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("bars")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield Workspace(folder)


def test_background_only_is_never_published(workspace: Workspace) -> None:
    """Not even where nothing is in service: the accuracy of such a network looks well."""
    summary = workspace.run("background")
    figures = summary["candidates"]["background"]
    assert figures["pixel_accuracy"] > 0.6
    assert (summary["published"], summary["baseline"], workspace.versions) == (None, None, [])
    assert figures["refused"]
    assert "it predicts background only" in summary["reason"]


def test_a_model_that_fails_the_smoke_test_is_never_published(workspace: Workspace) -> None:
    """The next best is, though it is worse."""
    summary = workspace.run("background", "moody", "worse")
    moody = summary["candidates"]["moody"]
    assert not moody["smoke_test"]["passed"]
    assert moody["mean_iou"] is None  # what is broken is not evaluated either
    assert moody["reason"].startswith("refused: the smoke test failed: image files: ")
    assert summary["selected"] == "worse"
    assert [summary["published"]] == [str(workspace.output / "serving" / version) for version in workspace.versions]


def test_a_worse_model_than_the_one_in_service_is_never_published(workspace: Workspace) -> None:
    summary = workspace.run("good", "worse")
    good, worse = (summary["candidates"][name] for name in ("good", "worse"))
    assert good["mean_iou"] > 0.95 > worse["mean_iou"]
    assert summary["selected"] == "good"
    assert len(workspace.versions) == 2

    summary = workspace.run("background", "moody", "worse")  # as before: the training and the smoke test are cached
    assert (summary["published"], summary["selected"], len(workspace.versions)) == (None, "worse", 2)
    assert not summary["candidates"]["worse"]["refused"]
    assert "does not beat the model in service" in summary["reason"]


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


def test_a_rollback_stays_until_there_is_another_model(workspace: Workspace) -> None:
    earlier, bad = workspace.versions
    done = rollback(workspace.output / "serving")
    assert (done.in_service, done.withdrawn) == (earlier, (bad,))
    summary = workspace.run("good", "worse")
    assert summary["selected"] == "good"
    assert summary["baseline"]["mean_iou"] == summary["candidates"]["worse"]["mean_iou"]
    assert (summary["published"], workspace.versions) == (None, [earlier])
    assert f"a rollback took this very model out of service as version {bad}" in summary["reason"]
    rollback(workspace.output / "serving", bad)
    assert workspace.versions == [earlier, bad]
