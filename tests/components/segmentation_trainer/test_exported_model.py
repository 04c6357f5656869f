"""The model that a trainer exports: background classes merged, predictions averaged over the mirror image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf
from tfx import types
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.artifacts.records import read_records
from components.run_files import HISTORY_JSON
from components.saved_model.description import read_description
from components.segmentation_trainer import executor
from components.segmentation_trainer.component import SegmentationTrainer
from components.training.background_classes import image_and_learned_class_map
from components.training.config import TrainingConfig
from components.training.metrics import TrainingMetrics
from components.voc_example_gen import executor as conversion_executor
from components.voc_example_gen.component import VocExampleGen
from tests.components.networks.tiny_network import TINY
from tests.conftest import IMAGE_SIZE
from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.record_config import RecordConfig

if TYPE_CHECKING:
    from collections.abc import Callable

WANTED = ("background", "person")


@pytest.fixture(scope="module")
def background_examples(
    devkit: Path, tmp_path_factory: pytest.TempPathFactory, make_artifact: Callable[..., Any]
) -> Any:
    """Records of persons that store the classes of their background."""
    component = VocExampleGen(str(devkit), RecordConfig(IMAGE_SIZE, WANTED[1:], background_classes=True))
    artifact = make_artifact("Examples", tmp_path_factory.mktemp("background_examples"))
    conversion_executor.Executor().Do({}, {"examples": [artifact]}, component.exec_properties)
    return artifact


def _train(
    examples: Any,
    folder: Path,
    make_artifact: Callable[..., Any],
    network: str,
    options: dict[str, Any],
    **settings: Any,
) -> Path:
    """Trains a network with the executor; returns the SavedModel. The history is in `folder`."""
    outputs = {"model": [make_artifact("Model", folder / "model")], "model_run": [make_artifact("ModelRun", folder)]}
    channel = types.Channel(type=standard_artifacts.Examples)
    component = SegmentationTrainer(channel, "small", network, options, TrainingConfig(batch_size=4, **settings))
    executor.Executor().Do({"examples": [examples]}, outputs, component.exec_properties)
    return Path(path_utils.serving_model_dir(outputs["model"][0].uri))


@pytest.mark.parametrize("flip_averaging", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_exported_model_has_the_wanted_classes(
    background_examples: Any, tmp_path: Path, make_artifact: Callable[..., Any], flip_averaging: bool
) -> None:
    settings = {"epochs": 2, "learning_rate": 0.01, "learn_background_classes": True, "flip_averaging": flip_averaging}
    model = _train(background_examples, tmp_path, make_artifact, TINY, {}, **settings)
    assert read_description(str(model)).class_names == WANTED
    signatures = tf.saved_model.load(str(model)).signatures
    metrics = TrainingMetrics(WANTED)
    for record in tf.data.TFRecordDataset(read_records(background_examples).files["val"]):
        image, _ = image_and_learned_class_map(record, IMAGE_SIZE, WANTED, VOC_LABELS)
        scores = signatures["score_images"](images=image[tf.newaxis])["scores"]
        assert scores.shape == (1, IMAGE_SIZE, IMAGE_SIZE, 2)
        answer = signatures["segment_examples"](examples=record[tf.newaxis])
        np.testing.assert_array_equal(answer["class_map"], tf.argmax(scores, axis=-1))
        assert set(np.unique(answer["label"])) <= {0, 1, VOID}
        metrics.update_state(answer["label"], scores)
    if not flip_averaging:  # the metrics in the history are those of the exported model
        history = json.loads((tmp_path / HISTORY_JSON).read_text())
        assert set(history) >= {"val_iou_background", "val_iou_person"}
        assert "val_iou_cat" not in history
        assert float(metrics.result()["mean_iou"]) == pytest.approx(max(history["val_mean_iou"]), abs=1e-6)


def test_records_without_background_classes_are_rejected(
    examples: Any, tmp_path: Path, make_artifact: Callable[..., Any]
) -> None:
    with pytest.raises(ValueError, match=r"learn_background_classes: the records do not store .* background_classes"):
        _train(examples, tmp_path, make_artifact, TINY, {}, epochs=1, learn_background_classes=True)


def test_the_exported_model_returns_mirrored_scores_for_a_mirrored_photo(
    examples: Any, tmp_path: Path, make_artifact: Callable[..., Any]
) -> None:
    model = _train(examples, tmp_path, make_artifact, TINY, {"dropout": 0.0}, epochs=1, flip_averaging=True)
    score = tf.saved_model.load(str(model)).signatures["score_images"]
    photos = np.random.default_rng(0).integers(0, 256, (3, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    straight, mirrored = (score(images=tf.constant(batch))["scores"].numpy() for batch in (photos, photos[:, :, ::-1]))
    np.testing.assert_allclose(mirrored[:, :, ::-1], straight, atol=1e-5)
